import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge_agent.adapters.onnxruntime_engine import OnnxRuntimeEngine
from edge_agent.adapters.recorder import Recorder
from edge_agent.core.shadow_budget import ShadowLimits
from edge_agent.ports import InferenceSession
from edge_agent.servable import Servable
from edge_agent.shadow import ShadowRunner
from edge_contract.errors import UnavailableError, UsageError
from edge_contract.messages import Counters, WindowEntry
from edge_contract.package import EMBEDDING, LATENCY, PREDICTION, Package, Role, profile_specs
from edge_contract.stats import Agreement, Moments, Probabilities, Profile
from tests.support.links import wait_until
from tests.support.packages import digits, embedding, regression, reversed_digits, touchy_digits
from tests.support.picture_files import GREEN, RED, colours, file_of, plain


class HeldSession:
    """A session that answers when the test lets it."""

    def __init__(self, session: InferenceSession) -> None:
        self._session = session
        self.may_go = threading.Event()
        self.runs = 0

    @property
    def provider(self) -> str:
        return self._session.provider

    @property
    def fallback(self) -> str:
        return self._session.fallback

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> Sequence[NDArray[np.generic]]:
        self.runs += 1
        assert self.may_go.wait(10.0)
        return self._session.run(feeds)

    def bound(self, inputs: object, outputs: object) -> None:
        """It runs in the usual way only."""


class OutputSession:
    """A session whose outputs come out changed."""

    def __init__(
        self,
        session: InferenceSession,
        change: Callable[[Sequence[NDArray[np.generic]]], Sequence[NDArray[np.generic]]],
    ) -> None:
        self._session = session
        self._change = change

    @property
    def provider(self) -> str:
        return self._session.provider

    @property
    def fallback(self) -> str:
        return self._session.fallback

    def run(self, feeds: Mapping[str, NDArray[np.generic]]) -> Sequence[NDArray[np.generic]]:
        return self._change(self._session.run(feeds))

    def bound(self, inputs: object, outputs: object) -> None:
        """It runs in the usual way only."""


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    recorder = Recorder(tmp_path, {})
    yield recorder
    recorder.close()


@pytest.fixture
def shadow() -> Iterator[ShadowRunner]:
    shadow = ShadowRunner()
    yield shadow
    shadow.close()


def servable_of(
    package: Package, recorder: Recorder, session: InferenceSession | None = None
) -> Servable:
    recorder.knows(package.digest, package.manifest, package.reference())
    return Servable(
        package,
        package.digest,
        session=session or OnnxRuntimeEngine().load(package),
        recorder=recorder,
        salt="f",
    )


def never() -> None:
    raise AssertionError("there is room enough")


def entries_of(recorder: Recorder) -> dict[tuple[str, str], WindowEntry]:
    entries, marks = recorder.collect(time.time())
    recorder.release(marks)
    return {(entry.package, entry.role): entry for entry in entries}


def profile_of(package: Package, entry: WindowEntry) -> Profile:
    return profile_specs(package.manifest, package.reference())[entry.role].decode(entry.profile)


def test_a_call_is_answered_and_observed(recorder: Recorder) -> None:
    package, rows = digits().package, digits().rows[:5]
    servable = servable_of(package, recorder)

    served = servable.serve(rows, wake=never)

    assert served.decoded.labels is not None
    assert served.decoded.labels.tolist() == digits().labels[:5].tolist()
    entry = entries_of(recorder)[package.digest, Role.PRIMARY]
    assert entry.counters == Counters(rows=5, calls=1)
    assert time.time() - 10.0 < entry.start_unix_s <= entry.end_unix_s <= time.time()
    profile = profile_of(package, entry)
    feature = profile.find("feature:x10", "moments")
    assert isinstance(feature, Moments)
    assert feature.mean == pytest.approx(float(rows[:, 10].mean()))
    predictions = profile.find(PREDICTION, "probabilities")
    assert isinstance(predictions, Probabilities)
    assert predictions.count == 5
    latency = profile.find(LATENCY, "sketch")
    assert latency is not None
    assert latency.count == 1


def test_rows_that_do_not_fit_are_not_counted(recorder: Recorder) -> None:
    servable = servable_of(digits().package, recorder)
    with pytest.raises(UsageError):
        servable.serve(np.zeros((1, 63), np.float32), wake=never)
    assert entries_of(recorder) == {}


def test_a_call_on_which_the_model_fails_is_counted_as_a_failure(recorder: Recorder) -> None:
    package, rows = touchy_digits(), digits().rows[:2].copy()
    servable = servable_of(package, recorder)
    rows[1, 0] = 100.0

    with pytest.raises(UnavailableError, match="the model failed"):
        servable.serve(rows, wake=never)

    assert entries_of(recorder)[package.digest, Role.PRIMARY].counters == Counters(failures=1)


def test_a_regression_observes_its_numbers(recorder: Recorder) -> None:
    package, rows = regression().package, regression().rows[:50]
    servable_of(package, recorder).serve(rows, wake=never)

    profile = profile_of(package, entries_of(recorder)[package.digest, Role.PRIMARY])

    predicted = profile.find(PREDICTION, "moments")
    assert isinstance(predicted, Moments)
    assert predicted.mean == pytest.approx(float(regression().labels[:50].mean()), rel=1e-5)


def test_an_embedding_is_observed_component_by_component(recorder: Recorder) -> None:
    package, rows = embedding().package, embedding().rows

    servable_of(package, recorder).serve(rows, wake=never)

    entry = entries_of(recorder)[package.digest, Role.PRIMARY]
    live, reference = profile_of(package, entry), package.reference().profile
    for subject, kind in ((EMBEDDING, "vectors"), ("joint", "joint"), ("feature:x3", "sketch")):
        found, expected = live.find(subject, kind), reference.find(subject, kind)
        assert found is not None
        assert expected is not None
        assert found.count == 600
        assert found.to_state() == expected.to_state()


def test_an_embedding_of_another_size_is_a_failure(recorder: Recorder) -> None:
    package = embedding().package
    real = OnnxRuntimeEngine().load(package)
    longer = OutputSession(real, lambda tensors: [np.repeat(each, 2, axis=1) for each in tensors])

    with pytest.raises(UnavailableError, match="an embedding of 8 components, the reference has 4"):
        servable_of(package, recorder, longer).serve(embedding().rows[:1], wake=never)

    assert entries_of(recorder)[package.digest, Role.PRIMARY].counters == Counters(failures=1)


def test_a_shadow_that_reads_pictures_in_another_way_reads_them_itself(
    recorder: Recorder, shadow: ShadowRunner
) -> None:
    """Red in the middle, green beside it: who stretches sees green, who crops sees red."""
    picture = plain(GREEN, width=24)
    picture.paste(plain(RED), (8, 0))
    serving = servable_of(colours(), recorder)
    candidate = servable_of(colours("unit,resize=crop"), recorder)
    assert candidate.begin_shadow()

    served = serving.serve(file_of(picture), wake=never)
    assert not candidate.reads_as(serving)
    shadow.offer(candidate, served._replace(rows=file_of(picture)))
    shadow.offer(candidate, served._replace(rows=b"no picture"))
    wait_until(lambda: recorder.mark_of(candidate.digest, Role.SHADOW).failures == 1)

    entry = entries_of(recorder)[candidate.digest, Role.SHADOW]
    assert entry.counters == Counters(rows=1, calls=1, failures=1)
    spec = profile_specs(candidate.manifest, colours().reference())[Role.SHADOW]
    agreement = spec.decode(entry.profile).find("agreement", "agreement")
    assert isinstance(agreement, Agreement)
    green, red = 1, 0
    assert agreement.pairs == {green * 3 + red: 1}


def test_the_shadow_repeats_a_call_and_counts_how_far_it_agrees(
    recorder: Recorder, shadow: ShadowRunner
) -> None:
    serving = servable_of(digits().package, recorder)
    candidate = servable_of(reversed_digits().package, recorder)
    assert candidate.begin_shadow()
    rows = digits().rows[:30].copy()

    served = serving.serve(rows, wake=never)
    shadow.offer(candidate, served)
    rows[:] = 0.0  # the caller's array is the caller's
    served.decoded.scores[:] = 0.0
    wait_until(lambda: recorder.mark_of(candidate.digest, Role.SHADOW).rows == 30)

    entry = entries_of(recorder)[candidate.digest, Role.SHADOW]
    assert entry.counters == Counters(rows=30, calls=1)
    agreement = profile_of(reversed_digits().package, entry).find("agreement", "agreement")
    assert isinstance(agreement, Agreement)
    assert sum(agreement.pairs.values()) == 30
    assert all(pair // 10 + pair % 10 == 9 for pair in agreement.pairs)
    assert agreement.gap.mean == pytest.approx(0.0, abs=0.05)  # mirrored, and as sure of itself


def test_a_shadow_that_fails_counts_it_and_goes_on(
    recorder: Recorder, shadow: ShadowRunner
) -> None:
    serving = servable_of(digits().package, recorder)
    candidate = servable_of(touchy_digits(), recorder)
    assert candidate.begin_shadow()
    bad = digits().rows[:1].copy()
    bad[0, 0] = 100.0

    for rows in (bad, digits().rows[:1]):
        shadow.offer(candidate, serving.serve(rows, wake=never))
    wait_until(lambda: recorder.mark_of(candidate.digest, Role.SHADOW).rows == 1)

    entry = entries_of(recorder)[candidate.digest, Role.SHADOW]
    assert entry.counters == Counters(rows=1, calls=1, failures=1)


def test_a_shadow_that_is_too_slow_drops_calls_and_holds_up_nobody(
    recorder: Recorder, shadow: ShadowRunner
) -> None:
    serving = servable_of(digits().package, recorder)
    held = HeldSession(OnnxRuntimeEngine().load(reversed_digits().package))
    candidate = servable_of(reversed_digits().package, recorder, held)
    assert candidate.begin_shadow()
    served = serving.serve(digits().rows[:3], wake=never)

    began_s = time.monotonic()
    shadow.offer(candidate, served)
    wait_until(lambda: held.runs == 1)
    for _ in range(99):
        shadow.offer(candidate, served)
    assert time.monotonic() - began_s < 1.0
    held.may_go.set()
    wait_until(lambda: recorder.mark_of(candidate.digest, Role.SHADOW).calls == 65)

    entry = entries_of(recorder)[candidate.digest, Role.SHADOW]
    assert entry.counters == Counters(rows=65 * 3, calls=65, dropped=35 * 3)


def test_closing_drops_what_waits_and_does_not_wait_long(
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.shadow._LEAVE_S", 0.05)
    shadow = ShadowRunner()
    serving = servable_of(digits().package, recorder)
    held = HeldSession(OnnxRuntimeEngine().load(reversed_digits().package))
    candidate = servable_of(reversed_digits().package, recorder, held)
    assert candidate.begin_shadow()
    served = serving.serve(digits().rows[:3], wake=never)
    for _ in range(10):
        shadow.offer(candidate, served)
    wait_until(lambda: held.runs == 1)

    shadow.close()
    shadow.offer(candidate, served)
    shadow.close()

    assert recorder.mark_of(candidate.digest, Role.SHADOW) == (0, 0, 0, 30)
    held.may_go.set()
    wait_until(lambda: recorder.mark_of(candidate.digest, Role.SHADOW).rows == 3)
    assert held.runs == 1


def test_a_shadow_that_slows_calls_down_rests_and_says_why(recorder: Recorder) -> None:
    told: list[tuple[str, str]] = []
    shadow = ShadowRunner(tell=lambda digest, reason: told.append((digest, reason)))
    serving = servable_of(digits().package, recorder)
    candidate = servable_of(reversed_digits().package, recorder)
    assert candidate.begin_shadow()
    served = serving.serve(digits().rows[:1], wake=never)

    for took_us in [9000.0] * 100 + [1000.0] * 100 + [9000.0] * 300:
        assert shadow.looks_at(candidate)
        shadow.offer(candidate, served._replace(latency_us=took_us))
    shadow.close()

    assert not shadow.looks_at(candidate)
    [(digest, reason)] = told
    assert digest == candidate.digest
    assert reason.startswith("rests for 10 min: 300 of 300 calls of the serving version took more")
    mark = recorder.mark_of(candidate.digest, Role.SHADOW)
    assert mark.calls + mark.dropped == 399  # those between, and the last one, are not repeated


def test_a_shadow_looks_at_its_share_of_the_calls(recorder: Recorder) -> None:
    candidate = servable_of(reversed_digits().package, recorder)
    shadow = ShadowRunner(ShadowLimits(sample=0.1))

    looked = sum(shadow.looks_at(candidate) for _ in range(10_000))

    assert 800 < looked < 1200


def test_a_shadow_that_takes_too_much_of_the_processor_leaves_calls_out(
    recorder: Recorder,
) -> None:
    shadow = ShadowRunner(ShadowLimits(cpu=0.001))
    serving = servable_of(digits().package, recorder)
    candidate = servable_of(reversed_digits().package, recorder)
    assert candidate.begin_shadow()
    served = serving.serve(digits().rows[:300], wake=never)

    for _ in range(50):
        shadow.offer(candidate, served)
        time.sleep(0.002)
    shadow.close()

    mark = recorder.mark_of(candidate.digest, Role.SHADOW)
    assert mark.rows + mark.dropped == 50 * 300
    assert 0 < mark.calls < 25


def test_many_threads_start_one_shadow(recorder: Recorder, shadow: ShadowRunner) -> None:
    serving = servable_of(digits().package, recorder)
    candidate = servable_of(reversed_digits().package, recorder)
    assert candidate.begin_shadow()
    served = serving.serve(digits().rows[:1], wake=never)
    together = threading.Barrier(8)

    def offer() -> None:
        together.wait()
        shadow.offer(candidate, served)

    threads = [threading.Thread(target=offer) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    wait_until(lambda: recorder.mark_of(candidate.digest, Role.SHADOW).calls == 8)
    runners = [thread for thread in threading.enumerate() if thread.name == "edgefleet-shadow"]
    assert len(runners) == 1

"""Routes of membership: join tokens, joining, credentials, and devices that are kept apart."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from cloud_sync.api.answering import (
    NEEDS_JSON,
    Author,
    Backend,
    DeviceName,
    TokenId,
    described,
    described_list,
    list_answer,
    view_answer,
)
from cloud_sync.backend import NotFoundError
from cloud_sync.core.enrolment import MOST_USES
from cloud_sync.enrolment_views import (
    CredentialView,
    ErasureView,
    JoinTokenView,
    NewJoinTokenView,
    QuarantineView,
)
from edge_contract.names import NAME_PATTERN

__all__ = ["enrolment_routes"]

enrolment_routes = APIRouter(tags=["enrolment"])

_Line = r"^[^\x00-\x1f\x7f]*$"
_Device = Annotated[str, Field(pattern=f"^{NAME_PATTERN}$")]
_Key = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Signature = Annotated[str, Field(pattern="^[0-9a-f]{128}$")]
_Request = Annotated[str, Field(max_length=8000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class JoinTokenRequest(_Body):
    """A join token to make: for one device or several, and for how long."""

    label: Annotated[str, Field(max_length=64, pattern=_Line)] = ""
    device: Annotated[str, Field(pattern=f"^({NAME_PATTERN})?$")] = ""
    uses: Annotated[int, Field(ge=1, le=MOST_USES)] = 1
    expires_s: Annotated[float, Field(gt=0, le=10 * 366 * 86_400)] = 3600.0


class JoinRequest(_Body):
    """A device that wants to join: its token, its key, and the proof that it has the key."""

    token_id: Annotated[str, Field(pattern="^[0-9a-f]{12}$")]
    secret: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]
    device: _Device
    public_key: _Key
    proof: _Signature
    request: _Request = ""


class RenewRequest(_Body):
    """A device that wants another password: signed by the key that it joined with."""

    device: _Device
    at_unix_s: Annotated[int, Field(ge=0, le=2**53)]
    proof: _Signature
    request: _Request = ""


class QuarantineRequest(_Body):
    """Why a device is kept apart."""

    reason: Annotated[str, Field(min_length=1, max_length=300, pattern=_Line)]


@enrolment_routes.get("/enrolment/ca", response_class=Response)
def authority(backend: Backend) -> Response:
    """Return the certificate that signs this cloud's; devices compare it with their token."""
    found = backend.enrolment.ca_pem()
    if not found:
        raise NotFoundError("this cloud has no authority of its own: trust what the system trusts")
    return Response(found, media_type="application/x-pem-file")


@enrolment_routes.get("/enrolment/brokers")
def brokers(backend: Backend) -> Response:
    """Return where devices and pages speak: URLs, whose host may be left out for this cloud's."""
    devices, pages = backend.enrolment.brokers()
    return JSONResponse({"broker": devices, "websocket": pages})


@enrolment_routes.post("/enrolment", status_code=201, dependencies=[NEEDS_JSON])
def join(backend: Backend, asked: JoinRequest) -> Response:
    """Let a device join that proves a join token and a key of its own."""
    made = backend.enrolment.enrol(
        asked.token_id,
        asked.secret,
        device=asked.device,
        public_key=asked.public_key,
        proof=asked.proof,
        request=asked.request,
    )
    return JSONResponse(made.to_json(), 201)


@enrolment_routes.post("/enrolment/renew", dependencies=[NEEDS_JSON])
def renew(backend: Backend, asked: RenewRequest) -> Response:
    """Give a device another password; the one before is good for a day."""
    made = backend.enrolment.renew(
        asked.device, at_unix_s=asked.at_unix_s, proof=asked.proof, request=asked.request
    )
    return JSONResponse(made.to_json())


@enrolment_routes.get("/join-tokens", responses=described_list(JoinTokenView))
def join_tokens(backend: Backend) -> Response:
    """Return all join tokens, the oldest first, without their secrets."""
    return list_answer(backend.enrolment.join_tokens())


@enrolment_routes.post(
    "/join-tokens",
    status_code=201,
    dependencies=[NEEDS_JSON],
    responses=described(NewJoinTokenView, status=201),
)
def create_join_token(backend: Backend, by: Author, asked: JoinTokenRequest) -> Response:
    """Make a join token; its secret is in this answer and nowhere else."""
    made = backend.enrolment.create_join_token(
        label=asked.label, device=asked.device, uses=asked.uses, expires_s=asked.expires_s, by=by
    )
    return view_answer(made, status=201, location=f"/api/v1/join-tokens/{made.token.token_id}")


@enrolment_routes.post("/join-tokens/{token_id}/revoke", responses=described(JoinTokenView))
def revoke_join_token(backend: Backend, by: Author, token_id: TokenId) -> Response:
    """End a join token."""
    return view_answer(backend.enrolment.revoke_join_token(token_id, by=by))


@enrolment_routes.get("/credentials", responses=described_list(CredentialView))
def credentials(backend: Backend) -> Response:
    """Return what devices prove themselves by, without secrets, by rising name."""
    return list_answer(backend.enrolment.credentials())


@enrolment_routes.get("/broker-passwords")
def broker_passwords(backend: Backend) -> Response:
    """Return hashes of devices' passwords, for a broker that reads files. Needs the role admin."""
    return JSONResponse({"passwords": dict(backend.enrolment.broker_passwords())})


@enrolment_routes.post("/credentials/{device}/revoke", responses=described(CredentialView))
def revoke_credential(backend: Backend, by: Author, device: DeviceName) -> Response:
    """Put a device out of the fleet: its connection ends, and it may not come back."""
    return view_answer(backend.enrolment.revoke_credential(device, by=by))


@enrolment_routes.get("/quarantine", responses=described_list(QuarantineView))
def quarantines(backend: Backend) -> Response:
    """Return the devices that are kept apart, by rising name."""
    return list_answer(backend.enrolment.quarantines())


@enrolment_routes.put(
    "/quarantine/{device}", dependencies=[NEEDS_JSON], responses=described(QuarantineView)
)
def quarantine(
    backend: Backend, by: Author, device: DeviceName, asked: QuarantineRequest
) -> Response:
    """Keep a device apart: nothing of it is merged; what it sends waits on it."""
    return view_answer(backend.enrolment.quarantine(device, reason=asked.reason, by=by))


@enrolment_routes.delete("/quarantine/{device}", status_code=204)
def release(backend: Backend, by: Author, device: DeviceName) -> Response:
    """Let a device back that was kept apart."""
    backend.enrolment.release(device, by=by)
    return Response(status_code=204)


@enrolment_routes.delete("/devices/{name}/data", responses=described(ErasureView))
def erase(backend: Backend, by: Author, name: DeviceName) -> Response:
    """Forget what is known of a device: its own statistics, facts, tags, answers and samples.

    Needs the role admin. What it added to sums of the fleet cannot be told apart and stays.
    """
    return view_answer(backend.erase(name, by=by))

"""Routes of samples and labels: devices bring rows, people take them, and bring the truth."""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.responses import FileResponse, Response
from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr

from cloud_sync.api.answering import (
    NEEDS_JSON,
    Author,
    Backend,
    DeviceName,
    Limit,
    ModelName,
    described,
    described_list,
    list_answer,
    page_of,
    view_answer,
)
from cloud_sync.sample_views import LabelGiven, LabelsView, SampleFileView

__all__ = ["UPLOADS", "sample_routes"]

UPLOADS: Final = "/uploads/"
"""Where devices bring samples; what they show there is a ticket, not a token."""

_MOST_LABELS: Final = 10_000
_PARQUET: Final = "application/vnd.apache.parquet"
_FILE: Final = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,160}\.parquet$"

_PARCEL_BODY: Final = {
    "requestBody": {
        "description": "A parcel of samples, as docs/messages.md describes it",
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}

sample_routes = APIRouter(tags=["samples"])

_CommandId = Annotated[str, Path(pattern="^[0-9A-Za-z_-]{1,64}$")]
_Part = Annotated[int, Path(ge=0, le=99_999)]
_Ticket = Annotated[str, Header(alias="X-Edgefleet-Ticket", max_length=200)]
_VersionName = Annotated[str, Path(pattern=r"^[0-9A-Za-z.-]{1,80}$")]
_FileName = Annotated[str, Path(pattern=_FILE)]
_Truth = Annotated[StrictInt, Field(ge=-(2**53), le=2**53)] | StrictFloat | StrictStr


class LabelGivenRequest(BaseModel):
    """What came true for a prediction; of a call of several rows a list, one for each."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    prediction_id: Annotated[str, Field(min_length=1, max_length=200_000)]
    truth: _Truth | Annotated[list[_Truth], Field(max_length=_MOST_LABELS)]
    device: Annotated[str, Field(max_length=64)] = ""


class LabelsRequest(BaseModel):
    """Truths that people found out."""

    model_config = ConfigDict(extra="forbid")

    labels: Annotated[list[LabelGivenRequest], Field(min_length=1, max_length=_MOST_LABELS)]


def _asked(backend: Backend, command_id: _CommandId, device: DeviceName, ticket: _Ticket) -> None:
    """Refuse strangers before their samples are read."""
    backend.samples.require_asked(command_id, device, ticket=ticket)


async def _body(request: Request) -> bytes:
    return await request.body()


@sample_routes.put(
    UPLOADS + "{command_id}/{device}/{part}",
    status_code=204,
    dependencies=[NEEDS_JSON, Depends(_asked)],
    response_class=Response,
    openapi_extra=_PARCEL_BODY,
)
def receive_samples(
    backend: Backend,
    command_id: _CommandId,
    device: DeviceName,
    part: _Part,
    ticket: _Ticket,
    data: Annotated[bytes, Depends(_body)],
) -> Response:
    """Take samples from a device that was asked for them; they are written when this answers."""
    backend.samples.receive(command_id, device, part=part, ticket=ticket, data=data)
    return Response(status_code=204)


@sample_routes.get("/samples", responses=described_list(SampleFileView))
def samples(
    backend: Backend, model: ModelName | None = None, after: str = "", limit: Limit = 100
) -> Response:
    """Return the files of samples that devices sent, newest first."""
    found = [file for file in backend.samples.files() if model in (None, file.model)]
    page, next_after = page_of(found, [file.name for file in found], after, limit)
    return list_answer(page, after=next_after)


@sample_routes.get(
    "/samples/{model}/{version}/{file}",
    responses={200: {"description": "A Parquet file", "content": {_PARQUET: {}}}},
    response_class=Response,
)
def sample_file(
    backend: Backend, by: Author, model: ModelName, version: _VersionName, file: _FileName
) -> Response:
    """Return a file of samples, ready for labelling."""
    path = backend.samples.path(f"{model}/{version}/{file}", by=by)
    return FileResponse(path, media_type=_PARQUET, filename=file)


@sample_routes.delete("/samples/{model}/{version}/{file}", status_code=204, response_class=Response)
def remove_samples(
    backend: Backend, by: Author, model: ModelName, version: _VersionName, file: _FileName
) -> Response:
    """Remove a file of samples for good."""
    backend.samples.remove(f"{model}/{version}/{file}", by=by)
    return Response(status_code=204)


@sample_routes.post("/labels", dependencies=[NEEDS_JSON], responses=described(LabelsView))
def add_labels(backend: Backend, by: Author, request: LabelsRequest) -> Response:
    """Count truths; each row once, however often it is sent."""
    given = [
        LabelGiven(
            label.prediction_id,
            tuple(label.truth) if isinstance(label.truth, list) else (label.truth,),
            label.device,
        )
        for label in request.labels
    ]
    return view_answer(backend.labels.add(given, by=by))

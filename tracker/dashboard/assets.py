"""Styles, script and icon out of the package; the address names the content, so that browsers may keep it for ever."""

from hashlib import sha256
from importlib.resources import files
from typing import Annotated

from litestar import Response, get
from litestar.params import PathParameter

from tracker.errors import NotFound

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
FOR_EVER = "public, max-age=31536000, immutable"

CONTENT = {
    item.name: item.read_bytes()
    for item in files("tracker.dashboard").joinpath("static").iterdir()
    if item.name.rpartition(".")[2] in TYPES
}
VERSIONS = {name: sha256(content).hexdigest()[:12] for name, content in CONTENT.items()}


def asset_address(name: str) -> str:
    """Where the file is served."""
    return f"/static/{VERSIONS[name]}/{name}"


@get("/static/{version:str}/{name:str}")
async def asset(version: Annotated[str, PathParameter()], name: Annotated[str, PathParameter()]) -> Response[bytes]:
    """One file; an old address of it is gone."""
    if VERSIONS.get(name) != version:
        raise NotFound(f"there is no file {name} in that version")
    headers = {"Cache-Control": FOR_EVER, "X-Content-Type-Options": "nosniff"}
    return Response(CONTENT[name], media_type=TYPES[name.rpartition(".")[2]], headers=headers)

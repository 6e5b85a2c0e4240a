"""Notes. A function's name is the operation's in the API's document, and so the method's in generated clients."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from howdah.kit.fastapi import allow
from howdah.kit.orm.fastapi import AsyncSession

from app.models import Note, Notes
from app.schemas import NewNote, NoteChange, NotePage, ShownNote

router = APIRouter(tags=["notes"])


@router.get("")
async def list_notes(
    session: AsyncSession,
    search: str = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    offset: Annotated[int, Query(ge=0)] = 0,
) -> NotePage:
    """The newest first."""
    matching = Note.title.icontains(search, autoescape=True)
    return NotePage.model_validate(await Notes(session).page(matching, order="-id", limit=limit, offset=offset))


@router.post("", status_code=201)
@allow("user", "admin")
async def add_note(session: AsyncSession, note: NewNote) -> ShownNote:
    return ShownNote.model_validate(await Notes(session).create(**note.model_dump()))


@router.get("/{key}")
async def get_note(session: AsyncSession, key: UUID) -> ShownNote:
    return ShownNote.model_validate(await Notes(session).get(key))


@router.patch("/{key}")
@allow("user", "admin")
async def change_note(session: AsyncSession, key: UUID, note: NoteChange) -> ShownNote:
    """Only what is sent changes."""
    changes = note.model_dump(exclude_unset=True, exclude_none=True)
    return ShownNote.model_validate(await Notes(session).update(key, **changes))


@router.delete("/{key}", status_code=204)
@allow("admin")
async def remove_note(session: AsyncSession, key: UUID) -> None:
    await Notes(session).delete(key)

"""Loaders of pages: the lists that the items of a list have of their own, read in one go for all items."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from strawberry.dataloader import DataLoader

from app.auth import Principal
from app.errors import SatchelError
from app.models import Assignment, Class, ClassMember, File, Group, LimitChange, Membership
from app.runtime import Runtime
from app.services.limit_history import HistoryOf
from app.services.paging import Page

T = TypeVar("T")


class PageOf(NamedTuple):
    """One object's list, and the arguments that its field was given. Bad ones raise BadUserInput at the `load`."""

    parent_id: UUID
    arguments: tuple[Hashable, ...]


class Pages:
    """One loader for each kind of list. Who may see the list is for the caller to know, but for classes."""

    def __init__(self, runtime: Runtime, viewer: Callable[[], Principal]) -> None:
        self._runtime = runtime
        self._viewer = viewer

    @cached_property
    def children(self) -> DataLoader[PageOf, Page[Group]]:
        """The groups below a group."""
        return _loader(self._runtime.directory_pages.children)

    @cached_property
    def members(self) -> DataLoader[PageOf, Page[Membership]]:
        """The members of a group."""
        return _loader(self._runtime.directory_pages.members)

    @cached_property
    def classes_of_groups(self) -> DataLoader[PageOf, Page[Class]]:
        """Those classes of a group that the viewer may see."""
        pages = self._runtime.directory_pages
        return _loader(lambda parents, *rest: pages.classes_of_groups(self._viewer(), parents, *rest))

    @cached_property
    def classes_of_users(self) -> DataLoader[PageOf, Page[Class]]:
        """Those classes of a user that the viewer may see."""
        pages = self._runtime.directory_pages
        return _loader(lambda parents, *rest: pages.classes_of_users(self._viewer(), parents, *rest))

    @cached_property
    def class_members(self) -> DataLoader[PageOf, Page[ClassMember]]:
        """The teachers and students of a class."""
        return _loader(self._runtime.directory_pages.class_members)

    @cached_property
    def assignments(self) -> DataLoader[PageOf, Page[Assignment]]:
        """The assignments of a class."""
        return _loader(self._runtime.directory_pages.assignments)

    @cached_property
    def files_of_users(self) -> DataLoader[PageOf, Page[File]]:
        """The files of a user."""
        files = self._runtime.files
        return _loader(lambda parents, *rest: files.pages_of(self._viewer(), parents, *rest))

    @cached_property
    def limit_changes_of_users(self) -> DataLoader[PageOf, Page[LimitChange]]:
        """The changes of a user's own limits."""
        return _loader(partial(self._runtime.limit_history.pages, HistoryOf.USER))

    @cached_property
    def limit_changes_of_groups(self) -> DataLoader[PageOf, Page[LimitChange]]:
        """The changes of what a group's roles earn."""
        return _loader(partial(self._runtime.limit_history.pages, HistoryOf.GROUP))


def _loader(read: Callable[..., Awaitable[Mapping[UUID, Page[T]]]]) -> DataLoader[PageOf, Page[T]]:
    """`read` takes the parents and the arguments. The items of a list all have the same ones, so it runs once."""

    async def load(wanted: list[PageOf]) -> list[Page[T] | BaseException]:
        parents: defaultdict[tuple[Hashable, ...], list[UUID]] = defaultdict(list)
        for page in wanted:
            parents[page.arguments].append(page.parent_id)
        found = {arguments: await _settled(read, some, arguments) for arguments, some in parents.items()}
        return [_of(found[page.arguments], page.parent_id) for page in wanted]

    return DataLoader(load)


async def _settled(
    read: Callable[..., Awaitable[Mapping[UUID, Page[T]]]], parents: Sequence[UUID], arguments: tuple[Any, ...]
) -> Mapping[UUID, Page[T]] | SatchelError:
    try:
        return await read(parents, *arguments)
    except SatchelError as refusal:
        return refusal  # of these arguments; the other ones may be good


def _of(found: Mapping[UUID, Page[T]] | SatchelError, parent_id: UUID) -> Page[T] | SatchelError:
    return found if isinstance(found, SatchelError) else found[parent_id]

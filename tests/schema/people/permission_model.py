"""The table of requirements.md, "Permissions", once more: written from its words alone, with names in place of rows.

Nothing of the product is imported here, and nothing is optimised: a tree is climbed one group at a time, and each rule is
the sentence that it came from. `Table.act` also makes the change, so that what comes after an allowed mutation is known.
"""

from dataclasses import dataclass, field

NOT_FOUND, FORBIDDEN, CONFLICT = "NOT_FOUND", "FORBIDDEN", "CONFLICT"
UNAUTHENTICATED, UNSUPPORTED = "UNAUTHENTICATED", "UNSUPPORTED_MEDIA_TYPE"

FILE_MUTATIONS = ("renameFile", "deleteFile", "restoreFile", "purgeFile")
AVATAR_MUTATIONS = (
    *("setUserAvatar", "setGroupAvatar", "setClassAvatar"),
    *("removeUserAvatar", "removeGroupAvatar", "removeClassAvatar"),
)

DEFAULT_MAX_FILE = 10 * 1024 * 1024  # bytes
GROUP_ADMIN_MAX_FILE = 100 * 1024 * 1024  # bytes
ATTACHMENTS = 10  # per assignment


@dataclass
class FileFacts:
    """What the table asks about a file. `entity` is what it was uploaded for: a type, and a name."""

    owner: str
    group: str | None
    status: str
    picture: bool
    entity: tuple[str, str] | None = None


@dataclass(frozen=True)
class Act:
    """A mutation, and what its input names: the object first, then a file, a user or a figure."""

    mutation: str
    target: str
    other: str = ""
    role: str = ""
    size: int = 0


@dataclass
class Table:
    """A whole school system, and the answers to every question about who may what in it."""

    users: list[str]
    parents: dict[str, str | None]
    system_admins: set[str] = field(default_factory=set)
    deactivated: set[str] = field(default_factory=set)
    roles: dict[tuple[str, str], str] = field(default_factory=dict)  # of (user, group)
    classes: dict[str, str] = field(default_factory=dict)  # the group of each
    class_roles: dict[tuple[str, str], str] = field(default_factory=dict)  # of (user, class)
    assignments: dict[str, str] = field(default_factory=dict)  # the class of each
    files: dict[str, FileFacts] = field(default_factory=dict)
    avatars: dict[str, str] = field(default_factory=dict)  # the file of a user, a group or a class
    attached: dict[str, list[str]] = field(default_factory=dict)  # the files of an assignment
    role_limits: dict[tuple[str, str], int] = field(default_factory=dict)  # bytes per file of (group, role)
    overrides: dict[str, int] = field(default_factory=dict)  # bytes per file of a user

    # ---------------------------------------------------------------- trees

    def line(self, group: str) -> list[str]:
        """The group and those above it, the nearest first."""
        found: list[str] = []
        at: str | None = group
        while at is not None:
            found.append(at)
            at = self.parents[at]
        return found

    def groups_of(self, user: str) -> list[str]:
        """Where the user is a member."""
        return [group for member, group in self.roles if member == user]

    def trees_of(self, user: str) -> set[str]:
        """The root groups above the user's groups."""
        return {self.line(group)[-1] for group in self.groups_of(user)}

    def trees_of_subject(self, subject: str) -> set[str]:
        """The same of a user, a group or a class."""
        if subject in self.classes:
            return {self.line(self.classes[subject])[-1]}
        return {self.line(subject)[-1]} if subject in self.parents else self.trees_of(subject)

    def is_subtree_admin(self, actor: str, group: str) -> bool:
        """Group admin of the group or of an ancestor; a system admin may do all that these may."""
        return actor in self.system_admins or any(
            self.roles.get((actor, above)) == "GROUP_ADMIN" for above in self.line(group)
        )

    def is_teacher(self, actor: str, school_class: str) -> bool:
        """Whether the actor teaches the class, or administers what it is in."""
        teaches = self.class_roles.get((actor, school_class)) == "TEACHER"
        return teaches or self.is_subtree_admin(actor, self.classes[school_class])

    # ---------------------------------------------------------------- who sees what

    def is_nobody(self, actor: str | None) -> bool:
        """No token, or one that is valid no more."""
        return actor is None or actor in self.deactivated

    def sees(self, actor: str, name: str) -> bool:
        """Whether there is such an object for the actor."""
        if name in self.files:
            return self.reads(actor, name)
        if name in self.assignments:
            return self.sees(actor, self.assignments[name])
        if name in self.classes:
            return (actor, name) in self.class_roles or self.is_subtree_admin(actor, self.classes[name])
        if name in self.parents or name in self.users:
            near = bool(self.trees_of(actor) & self.trees_of_subject(name))
            return near or name == actor or actor in self.system_admins
        return False

    def sees_private(self, actor: str, user: str) -> bool:
        """E-mail, limits, quota, history, memberships, files of a user."""
        administered = any(self.is_subtree_admin(actor, group) for group in self.groups_of(user))
        return actor == user or actor in self.system_admins or administered

    def holds(self, actor: str, file: str) -> bool:
        """Owner; subtree admin of the file's group; system admin."""
        facts = self.files[file]
        administered = facts.group is not None and self.is_subtree_admin(actor, facts.group)
        return actor == facts.owner or actor in self.system_admins or administered

    def reads(self, actor: str, file: str) -> bool:
        """Read a file, get its signed URL: who holds it, in any state, and whom it is shown to while it is ACTIVE."""
        facts = self.files[file]
        if self.holds(actor, file):
            return True
        if facts.status != "ACTIVE":
            return False
        subjects = [subject for subject, picture in self.avatars.items() if picture == file]
        as_avatar = any(actor == s or self.trees_of(actor) & self.trees_of_subject(s) for s in subjects)
        as_attachment = any(file in files and self.sees(actor, name) for name, files in self.attached.items())
        kind, entity = facts.entity or ("", "")
        as_submission = (
            kind == "SUBMISSION_FILE"
            and entity in self.assignments
            and self.class_roles.get((actor, self.assignments[entity])) == "TEACHER"
        )
        return as_avatar or as_attachment or as_submission

    def max_file_size(self, user: str) -> int:
        """R8, in bytes: the override, else the most generous that a membership earns, else the default."""
        earned = []
        for group in self.groups_of(user):
            role = self.roles[user, group]
            earned += [self.role_limits[g, role] for g in self.line(group) if (g, role) in self.role_limits][:1]
        return self.overrides.get(user) or max(earned, default=DEFAULT_MAX_FILE)

    # ---------------------------------------------------------------- who does what

    def act(self, actor: str | None, act: Act) -> str | None:
        """The code of the refusal; None when the mutation is done, here too."""
        if actor is None or self.is_nobody(actor):
            return UNAUTHENTICATED
        do = {
            "setUserLimits": self._set_user_limits,
            "setGroupRoleLimits": self._set_role_limits,
            "setGroupMember": self._set_member,
            "setClassMember": self._set_member,
            "addAssignmentAttachment": self._change_attachment,
            "removeAssignmentAttachment": self._change_attachment,
            "createClass": self._create_class,
            "createAssignment": self._create_assignment,
        } | dict.fromkeys(FILE_MUTATIONS, self._change_file)
        do |= dict.fromkeys(AVATAR_MUTATIONS, self._change_avatar)
        return do[act.mutation](actor, act)

    def _create_class(self, actor: str, act: Act) -> str | None:
        return self._refusal(actor, act.target, self._administers(actor, act.target))

    def _create_assignment(self, actor: str, act: Act) -> str | None:
        return self._refusal(actor, act.target, self._teaches(actor, act.target))

    def _refusal(self, actor: str, name: str, allowed: bool) -> str | None:
        """No existence oracle: FORBIDDEN is for who sees the object."""
        if not self.sees(actor, name):
            return NOT_FOUND
        return None if allowed else FORBIDDEN

    def _administers(self, actor: str, group: str) -> bool:
        return group in self.parents and self.is_subtree_admin(actor, group)

    def _teaches(self, actor: str, school_class: str) -> bool:
        return school_class in self.classes and self.is_teacher(actor, school_class)

    def _manage_refusal(self, actor: str, file: str, status: str) -> str | None:
        """Of who may manage the file, CONFLICT for a state in which the wanted cannot be done."""
        refusal = self._refusal(actor, file, file in self.files and self.holds(actor, file))
        if refusal is None and self.files[file].status != status:
            return CONFLICT
        return refusal

    def _change_file(self, actor: str, act: Act) -> str | None:
        before = "ACTIVE" if act.mutation in {"renameFile", "deleteFile"} else "SOFT_DELETED"
        refusal = self._manage_refusal(actor, act.target, before)
        if refusal is not None:
            return refusal
        if act.mutation == "deleteFile":
            self.files[act.target].status = "SOFT_DELETED"
        elif act.mutation == "restoreFile":
            self.files[act.target].status = "ACTIVE"
        elif act.mutation == "purgeFile":
            del self.files[act.target]
            self.avatars = {subject: file for subject, file in self.avatars.items() if file != act.target}
            self.attached = {a: [f for f in files if f != act.target] for a, files in self.attached.items()}
        return None

    def _avatar_refusal(self, actor: str, subject: str) -> str | None:
        if subject in self.classes:
            allowed = self._teaches(actor, subject)
        elif subject in self.parents:
            allowed = self._administers(actor, subject)
        else:
            allowed = actor == subject or actor in self.system_admins
        return self._refusal(actor, subject, allowed)

    def _change_avatar(self, actor: str, act: Act) -> str | None:
        refusal = self._avatar_refusal(actor, act.target)
        if act.mutation.startswith("remove"):
            if refusal is None:
                self.avatars.pop(act.target, None)
            return refusal
        refusal = refusal or self._manage_refusal(actor, act.other, "ACTIVE")
        if refusal is None and not self.files[act.other].picture:
            return UNSUPPORTED
        if refusal is None:
            self.avatars[act.target] = act.other
        return refusal

    def _change_attachment(self, actor: str, act: Act) -> str | None:
        taught = act.target in self.assignments and self._teaches(actor, self.assignments[act.target])
        refusal = self._refusal(actor, act.target, taught)
        if refusal is not None:
            return refusal
        files = self.attached.setdefault(act.target, [])
        if act.mutation == "removeAssignmentAttachment":
            if act.other not in files:
                return NOT_FOUND
            files.remove(act.other)
            return None
        refusal = self._manage_refusal(actor, act.other, "ACTIVE")
        if refusal is not None:
            return refusal
        if act.other in files:
            return CONFLICT
        if len(files) >= ATTACHMENTS:
            return "ATTACHMENT_LIMIT"
        files.append(act.other)
        return None

    def _set_member(self, actor: str, act: Act) -> str | None:
        """Group admins "add members only from among users who are already in the same tree"; so do system admins where
        it is a class, whose members are people of its tree.
        """
        into_class = act.mutation == "setClassMember"
        group = self.classes.get(act.target, "") if into_class else act.target
        refusal = self._refusal(actor, act.target, self._administers(actor, group))
        if refusal is None and not self.sees(actor, act.other):
            refusal = NOT_FOUND
        if refusal is not None:
            return refusal
        near = self.line(group)[-1] in self.trees_of(act.other)
        if not near and actor not in self.system_admins:
            return FORBIDDEN
        if act.other in self.deactivated or (into_class and not near):
            return CONFLICT
        (self.class_roles if into_class else self.roles)[act.other, act.target] = act.role
        return None

    def _set_user_limits(self, actor: str, act: Act) -> str | None:
        """For system admins: others get "`FORBIDDEN` before they load anything"."""
        if actor not in self.system_admins:
            return FORBIDDEN
        if act.target not in self.users:
            return NOT_FOUND
        self.overrides[act.target] = act.size
        return None

    def _set_role_limits(self, actor: str, act: Act) -> str | None:
        """Not "above what the nearest ancestor sets for that role", else the ceiling; what stands already is no change."""
        refusal = self._refusal(actor, act.target, self._administers(actor, act.target))
        if refusal is not None:
            return refusal
        above = [self.role_limits.get((group, act.role)) for group in self.line(act.target)[1:]]
        ceiling = next((size for size in above if size is not None), GROUP_ADMIN_MAX_FILE)
        stands = self.role_limits.get((act.target, act.role)) == act.size
        if act.size > ceiling and not stands and actor not in self.system_admins:
            return FORBIDDEN
        self.role_limits[act.target, act.role] = act.size
        return None

"""Headers under which users' files are served: nothing in a name or a type can break out of its field, and nothing that a
browser shows can act in the name of this site.
"""

from app.storage.presentation import INLINE_TYPES, content_disposition, content_type, shown_inline

__all__ = ["INLINE_TYPES", "content_disposition", "content_type", "security_headers", "shown_inline"]

_PDF = "application/pdf"

# An attachment is never a document; should a browser make one of it all the same, it is an empty, powerless one.
_ATTACHMENT_POLICY = "sandbox; default-src 'none'"
# Browsers show an image, a recording or a text by a small page of their own, which loads the file again and styles it.
_INLINE_POLICY = "sandbox; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'"
# Chromium refuses to start its PDF viewer in a sandboxed page or under default-src 'none' or object-src 'none'. The viewer
# is a process of its own without access to this origin, and `nosniff` keeps a PDF from being taken for anything else.
_PDF_POLICY = "base-uri 'none'; form-action 'none'"


def security_headers(mime_type: str, *, inline: bool) -> dict[str, str]:
    """What keeps a browser from doing more with a file than showing or saving it."""
    inline_policy = _PDF_POLICY if mime_type.lower() == _PDF else _INLINE_POLICY
    return {
        "content-security-policy": inline_policy if inline else _ATTACHMENT_POLICY,
        "x-content-type-options": "nosniff",
        # The URL is the permission: a front end on another site may embed what it was given the URL of.
        "cross-origin-resource-policy": "cross-origin",
        # The URL is a secret: no page that a file links to may learn it.
        "referrer-policy": "no-referrer",
    }

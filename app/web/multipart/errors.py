"""What can be wrong with a multipart body. See `app.web.body` for the rest of the tree."""

from app.web.body import BodyError


class MultipartError(BodyError):
    """The body is not what the GraphQL multipart request specification and RFC 7578 ask for."""

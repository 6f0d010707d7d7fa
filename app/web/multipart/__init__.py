"""GraphQL multipart requests, read while they arrive: no file is held in memory or on disk."""

from app.web.multipart.errors import MultipartError
from app.web.multipart.form import FormLimits, MultipartForm, UploadStream
from app.web.multipart.headers import media_type

__all__ = ["FormLimits", "MultipartError", "MultipartForm", "UploadStream", "media_type"]

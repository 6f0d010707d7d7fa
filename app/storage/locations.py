"""Further storage locations as `STORAGE_EXTRA_LOCATIONS` describes them: stores that older files live in."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class LocalLocation(BaseModel):
    """A folder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name
    backend: Literal["local"]
    path: Path


class S3Location(BaseModel):
    """A bucket; see `app.storage.s3.config.S3Config`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name
    backend: Literal["s3"]
    bucket: str
    access_key_id: str
    secret_access_key: SecretStr
    endpoint: str = ""
    public_endpoint: str = ""
    region: str = "us-east-1"
    force_path_style: bool = False


ExtraLocation = Annotated[LocalLocation | S3Location, Field(discriminator="backend")]

"""Settings from the environment, `.env` and AWS Secrets Manager, as one frozen object."""

import os
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, SecretStr, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from akasa.workspace import secrets_manager
from akasa.workspace.secrets_manager import SecretUnavailable

WORKSPACE = "AKASA_WORKSPACE"  # names the project's folder to the kernels of a run


def project(code: Path, here: Path, named: str | None) -> Path:
    """Return the project's folder: the checkout in which the code lies, else the workspace one stands in.

    That is the nearest folder from `here` upwards that has notebooks; `here`, where there is none.
    """
    if named:
        return Path(named)
    folders = (code, here, *here.parents)
    return next((one for one in folders if (one / "notebooks" / "01_ingest.ipynb").is_file()), here)


CODE = Path(__file__).resolve().parent.parent.parent  # a checkout, or where pip has installed it
ROOT = project(CODE, Path.cwd(), os.environ.get(WORKSPACE))
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_ADDRESS = re.compile(rf"s3://({_BUCKET.pattern})((?:/[A-Za-z0-9_=.-]+)*)/?")
_ENDPOINT = re.compile(r"https?://[^/@?#\s]+/?")
BY_HAND = ROOT / "work" / "outputs"  # where notebooks write that somebody runs by hand
_SECRET = "AWS secret"
_UNFIT = re.compile(r"%[0-9A-Fa-f]{2}|[\[\]|^\\\x00-\x1f\x7f\ud800-\udfff]")


class SettingsError(ValueError):
    """A setting has a value that cannot be used; the message names each of them."""


def _below_root(path: Path) -> Path:
    try:
        return ROOT / path.expanduser()
    except RuntimeError:
        raise ValueError(f"no home folder is known for {path.parts[0]}") from None


def _fit_for_delta(path: Path) -> Path:
    """Refuse what deltalake, which decodes a folder's name twice and takes it for a host's, cannot open."""
    unfit = _UNFIT.search(path.resolve().as_posix())
    if unfit:
        raise ValueError(
            f"the warehouse (Delta Lake) cannot lie in a folder whose name holds {unfit[0]!r}; name another"
        )
    return path


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is not a time zone of the IANA database, such as Asia/Kolkata") from None
    return name


def _for_the_collector(path: Path) -> Path:
    if path.suffix != ".prom":
        raise ValueError("the node exporter reads files whose names end with .prom; name one")
    return path


def _in_a_bucket(url: str, info: ValidationInfo) -> str:
    """Return `s3://bucket/prefix`; `s3:///prefix` lies in the bucket of S3_BUCKET."""
    bucket = info.data.get("s3_bucket")
    if url.startswith("s3:///") and not bucket:
        raise ValueError("names no bucket, and S3_BUCKET is not set: write s3://bucket/prefix")
    whole = url.replace("s3:///", f"s3://{bucket}/") if url.startswith("s3:///") else url
    if not _ADDRESS.fullmatch(whole) or "/.." in whole or "/./" in whole:
        raise ValueError(
            "is not an address such as s3://bucket/prefix, of letters, digits and -_.= between the slashes"
        )
    return whole.rstrip("/")


def _bucket(name: str) -> str:
    if not _BUCKET.fullmatch(name):
        raise ValueError("is not a bucket's name: 3 to 63 small letters, digits, hyphens and dots")
    return name


def _endpoint(url: str) -> str:
    if not _ENDPOINT.fullmatch(url):
        raise ValueError("is not an address such as https://s3.example.org or http://127.0.0.1:9000")
    return url.rstrip("/")


def _instead_of_a_folder(url: str | None, info: ValidationInfo) -> str | None:
    if url and info.data.get("incoming_dir"):
        raise ValueError("INCOMING_DIR is set, too: unset one of them")
    return url


def _with_its_id(secret: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
    if bool(secret) != bool(info.data.get("aws_access_key_id")):
        raise ValueError("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY go together: set both, or none")
    return secret


Folder = Annotated[Path, AfterValidator(_below_root)]
DataFolder = Annotated[Folder, AfterValidator(_fit_for_delta)]
Zone = Annotated[str, AfterValidator(_known_zone)]
Address = Annotated[str, AfterValidator(_in_a_bucket)]


class Settings(BaseSettings):
    """Everything that a run can be told from outside. Relative paths start at the project's folder."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", frozen=True, validate_default=True
    )

    data_dir: DataFolder = Path("data")
    output_dir: Folder = Path("outputs")
    customers_csv_path: Folder | None = None
    orders_xml_path: Folder | None = None
    incoming_dir: Folder | None = None

    db_host: str | None = None
    db_port: int = Field(default=3306, ge=1, le=65535)
    db_user: str = "akasa"
    db_password: SecretStr | None = None
    db_name: str = "akasa"
    db_local_infile: bool = False
    db_wait: float = Field(default=0, ge=0)

    source_timezone: Zone = "Asia/Kolkata"
    business_timezone: Zone = "Asia/Kolkata"
    amount_is: Literal["order", "line"] = "order"
    on_refused: Literal["stop", "skip"] = "stop"
    max_reject_ratio: float = Field(default=0.10, ge=0, le=1)
    max_unmatched_ratio: float = Field(default=0.25, ge=0, le=1)
    min_revenue_ratio: float = Field(default=0.2, ge=0, le=1)
    max_revenue_ratio: float = Field(default=5, ge=1)
    max_replaced_ratio: float = Field(default=1, ge=0, le=1)
    today: date | None = None
    warehouse_retention_days: float = Field(default=1, ge=0)
    freshness_hours: float = Field(default=48, gt=0)
    keep_runs: int = Field(default=14, ge=0)
    lock_timeout: float = Field(default=60, ge=0)
    cell_timeout: float | None = Field(default=None, gt=0)
    run_timeout: float | None = Field(default=None, gt=0)
    mask_pii: bool = False
    dask_scheduler_address: str | None = None
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] | None = None
    log_format: Literal["text", "json"] = "text"
    metrics_file: Annotated[Folder, AfterValidator(_for_the_collector)] | None = None
    aws_secret_name: str | None = None
    s3_bucket: Annotated[str, AfterValidator(_bucket)] | None = None
    warehouse_url: Address | None = None
    incoming_url: Annotated[Address | None, AfterValidator(_instead_of_a_folder)] = None
    publish_url: Address | None = None
    aws_endpoint_url: Annotated[str, AfterValidator(_endpoint)] | None = None
    aws_region: str | None = None
    aws_access_key_id: SecretStr | None = None
    aws_secret_access_key: Annotated[SecretStr | None, AfterValidator(_with_its_id)] = None
    aws_session_token: SecretStr | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Have what is given win over the environment, that over `.env`, and that over the AWS secret."""
        return init_settings, env_settings, dotenv_settings, _AwsSecret(settings_cls, dotenv_settings)

    @property
    def logged(self) -> str | None:
        """The least level of events that are printed, None for none; LOG_FORMAT=json alone asks for INFO."""
        return self.log_level or ("INFO" if self.log_format == "json" else None)

    @property
    def customers_csv(self) -> Path:
        return self.customers_csv_path or self.data_dir / "customers.csv"

    @property
    def orders_xml(self) -> Path:
        return self.orders_xml_path or self.data_dir / "orders.xml"

    @property
    def incoming(self) -> Path:
        return self.incoming_dir or self.data_dir / "incoming"

    @property
    def sqlite(self) -> Path:
        return self.data_dir / "akasa.db"

    @property
    def staging(self) -> Path:
        return self.data_dir / "staging"

    @property
    def judged(self) -> Path:
        return self.data_dir / "judged"

    @property
    def replaced_judgements(self) -> Path:
        """What deliveries were judged to be before, until a run has compared with it."""
        return self.data_dir / ".run.judged"

    @property
    def audits(self) -> Path:
        return self.data_dir / "audits"

    @property
    def profiles(self) -> Path:
        return self.data_dir / "profiles"

    @property
    def exact(self) -> Path:
        """Where the KPI files are kept unmasked, to be compared, while those in `output_dir` are masked."""
        return self.data_dir / "exact" / ("work" if self.output_dir == BY_HAND else self.output_dir.name)

    @property
    def quarantine(self) -> Path:
        return self.data_dir / "rejects"

    @property
    def unpublished(self) -> Path:
        """Rejected records of a run that has not published, or was stopped."""
        return self.quarantine / "unpublished"

    @property
    def warehouse(self) -> Path:
        """Where the warehouse lies, unless WAREHOUSE_URL puts it into a bucket (see `storage.warehouse`)."""
        return self.data_dir / "warehouse"

    def label(self, path: Path) -> str:
        """Return a name that is the same on every machine: `outputs/…`, `data/…`, else the file's name.

        By hand, `work/outputs/…`.
        """
        outputs = "work/outputs" if self.output_dir == BY_HAND else "outputs"
        for name, folder in ((outputs, self.output_dir), ("data", self.data_dir)):
            if path.is_relative_to(folder):
                return (Path(name) / path.relative_to(folder)).as_posix()
        return path.name


class _AwsSecret(PydanticBaseSettingsSource):
    """What the secret AWS_SECRET_NAME gives, where one is named."""

    def __init__(self, settings_cls: type[BaseSettings], written: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self.written = written.env_vars if isinstance(written, DotEnvSettingsSource) else {}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self()[field_name], field_name, False

    def __call__(self) -> dict[str, Any]:
        return dict(_in_secret(self.current_state.get("aws_secret_name"), self.written))


def _in_secret(name: str | None, written: Mapping[str, str | None]) -> Mapping[str, str]:
    if not name:
        return {}
    in_file = {key.upper(): value for key, value in written.items()}
    given = secrets_manager.credentials(in_file, os.environ)
    return secrets_manager.read(name, given, Settings.model_fields)


def origins() -> dict[str, str]:
    """Return where the value of each setting comes from: environment, .env, AWS secret or default.

    Raises SecretUnavailable.
    """
    written = DotEnvSettingsSource(Settings, env_file=env_file())
    sources = {"environment": EnvSettingsSource(Settings)(), ".env": written()}
    name = next((given["aws_secret_name"] for given in sources.values() if "aws_secret_name" in given), None)
    ranked = {**sources, _SECRET: _in_secret(name, written.env_vars), "default": Settings.model_fields}
    return {one: next(where for where, has in ranked.items() if one in has) for one in Settings.model_fields}


def not_settings() -> list[str]:
    """Return the names in `.env` that are no settings."""
    written = DotEnvSettingsSource(Settings, env_file=env_file()).env_vars
    return sorted(name.upper() for name in written.keys() - Settings.model_fields.keys())


def env_file() -> Path:
    """Return where settings are written: `.env`, or the file that AKASA_ENV_FILE names."""
    return Path(os.environ.get("AKASA_ENV_FILE", ROOT / ".env"))


def load(**changes: Any) -> Settings:
    """Read the environment, then `.env` or the file that AKASA_ENV_FILE names, then the AWS secret.

    What comes first wins, and `changes` over all; one that is None changes nothing. Raises SettingsError that
    names every setting with a value that cannot be used, or says why the secret cannot.
    """
    unknown = ", ".join(sorted(changes.keys() - Settings.model_fields.keys()))
    if unknown:
        raise SettingsError(f"there is no setting {unknown}; there are: {', '.join(Settings.model_fields)}")
    given = {name: value for name, value in changes.items() if value is not None}
    try:
        return Settings(_env_file=env_file(), **given)  # type: ignore[call-arg]
    except UnicodeDecodeError:
        raise SettingsError(f"{env_file()} is not UTF-8; save it as UTF-8") from None
    except SecretUnavailable as error:
        raise SettingsError(f"AWS_SECRET_NAME: {error}") from None
    except ValidationError as error:
        where = {**origins(), **dict.fromkeys(given, "")}
        faults = [_fault(fault, where) for fault in error.errors(include_input=False)]
        raise SettingsError("; ".join(faults)) from None


def _fault(fault: Mapping[str, Any], where: Mapping[str, str]) -> str:
    name = str(fault["loc"][0])
    place = " (in the AWS secret)" if where.get(name) == _SECRET else ""
    return f"{name.upper()}: {fault['msg']}{place}"

"""Settings: every option once, with a default that runs on a laptop.

Each field is read from the environment as `JIELI_<NAME>` (see .env.example; a test keeps both and
docs/settings.md in step). Secrets may also come from a file named by `JIELI_<NAME>_FILE`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

DEFAULT_SECRET = "jieli-laptop-secret-change-me"  # noqa: S105  # refused when tls is on


class Settings(BaseSettings):
    """All options of a Jieli process."""

    model_config = SettingsConfigDict(env_prefix="JIELI_", env_file=".env", extra="ignore")

    database_url: str = Field(
        "sqlite:///data/jieli.db",
        description="Where the truth is kept; or postgresql://user:password@host/database",
    )
    redis_url: str = Field(
        "",
        description="Carries hints and counts sign-in tries for all processes; optional",
    )
    files_dir: Path = Field(Path("data/files"), description="Photos and attachments")
    host: str = Field("127.0.0.1", description="Address the server listens on")
    port: int = Field(8600, description="Port the server listens on")
    public_url: str = Field(
        "http://127.0.0.1:8600",
        description="How people and vendors reach this server; unset: this machine, at its port",
    )
    allowed_origins: str = Field(
        "", description="Extra browser origins allowed to open sockets, comma separated"
    )
    tls: bool = Field(False, description="Behind TLS: __Host- cookies, default secret refused")
    secret: SecretStr = Field(
        SecretStr(DEFAULT_SECRET), description="Signs links and derives action tokens"
    )
    sqlite_synchronous: str = Field(
        "FULL", description="FULL survives power loss; NORMAL may lose the last commits"
    )
    writer_batch: int = Field(256, description="Commands the writer may put in one transaction")
    operation_days: int = Field(
        8, ge=7, description="Days an operation id gets its first answer again; at least 7"
    )
    history_days: int = Field(
        90, ge=31, description="Days that fired timers and finished messages are kept; at least 31"
    )
    archive_after_days: int = Field(
        0, ge=0, description="Age at which events and audit move into files; 0: never, else 31 up"
    )
    archive_dir: Path = Field(Path("data/archive"), description="Where archived logs lie")
    engine: bool = Field(True, description="Run the engine (timers, delivery) in this process")
    engine_sweep_seconds: float = Field(
        5.0, description="Longest sleep of the engine when every wake-up is lost"
    )
    wecom_corp_id: str = Field("", description="WeCom corporation id; empty turns the channel off")
    wecom_agent_id: int = Field(0, description="WeCom application id")
    wecom_secret: SecretStr = Field(SecretStr(""), description="WeCom application secret")
    wecom_token: SecretStr = Field(SecretStr(""), description="WeCom callback token")
    wecom_aes_key: SecretStr = Field(SecretStr(""), description="WeCom EncodingAESKey, 43 chars")
    wecom_api_base: str = Field(
        "https://qyapi.weixin.qq.com/cgi-bin",
        description="WeCom API address without the method; the simulator's in the demo",
    )
    wecom_login_base: str = Field(
        "https://open.weixin.qq.com",
        description="Where WeCom's silent sign-in for pages begins, without the path",
    )
    wecom_proxy: str = Field(
        "",
        description="Proxy with the fixed address that 企业可信IP names, e.g. http://proxy:3128",
    )
    dingtalk_client_id: str = Field(
        "", description="DingTalk application's Client ID (AppKey); empty turns the channel off"
    )
    dingtalk_client_secret: SecretStr = Field(
        SecretStr(""), description="DingTalk application's Client Secret (AppSecret)"
    )
    dingtalk_robot_code: str = Field("", description="DingTalk robot code; empty: the Client ID")
    dingtalk_agent_id: str = Field(
        "",
        description="DingTalk AgentId: work notices to whom the robot may not write; empty: none",
    )
    dingtalk_card_template_id: str = Field(
        "", description="Id of the card template of docs/recipes/dingtalk.md; empty: plain messages"
    )
    dingtalk_group_token: SecretStr = Field(
        SecretStr(""),
        description="access_token of a robot in the team's DingTalk group; empty: none",
    )
    dingtalk_group_secret: SecretStr = Field(
        SecretStr(""), description="That robot's 加签 secret (SEC…)"
    )
    dingtalk_mode: Literal["stream", "http"] = Field(
        "stream", description="How DingTalk's callbacks come: stream needs no public address"
    )
    dingtalk_api_base: str = Field(
        "https://api.dingtalk.com", description="DingTalk's new API, without the path"
    )
    dingtalk_oapi_base: str = Field(
        "https://oapi.dingtalk.com", description="DingTalk's old API, without the path"
    )
    dingtalk_proxy: str = Field(
        "", description="Proxy for DingTalk, its long connection too, e.g. http://proxy:3128"
    )
    dingtalk_login_base: str = Field(
        "https://login.dingtalk.com", description="Where DingTalk's sign-in for pages begins"
    )
    telegram_token: SecretStr = Field(
        SecretStr(""), description="Telegram bot token; empty turns the channel off"
    )
    telegram_api_base: str = Field(
        "https://api.telegram.org", description="Telegram Bot API host, without /bot<token>"
    )
    telegram_mode: Literal["polling", "webhook"] = Field(
        "polling", description="How Telegram's updates come: polling needs no public address"
    )
    telegram_webhook_secret: SecretStr = Field(
        SecretStr(""), description="Secret token of the webhook, 1 to 256 of A-Z a-z 0-9 _ -"
    )
    telegram_proxy: str = Field(
        "", description="Proxy for Telegram, e.g. http://proxy:3128 or socks5://…; empty: none"
    )
    metrics_token: SecretStr = Field(
        SecretStr(""), description="Bearer token for /metrics and /docs; empty: loopback only"
    )
    worker_port: int = Field(
        0, description="Port of a worker's own /healthz, /readyz and /metrics; 0: none"
    )
    heartbeat_url: SecretStr = Field(
        SecretStr(""), description="Called while the engine keeps up; empty: nobody is"
    )
    heartbeat_seconds: float = Field(60.0, gt=0, description="Between two of these calls")
    heartbeat_max_lag_seconds: float = Field(
        60.0, gt=0, description="How late the engine may be and still call"
    )
    clock_skew_seconds: float = Field(
        2.0, gt=0, description="Difference to the database server's clock that is still ready"
    )
    otel_endpoint: str = Field(
        "", description="OTLP/HTTP collector for spans, e.g. http://collector:4318; empty: off"
    )
    max_body_bytes: int = Field(12_000_000, description="Largest request body accepted")
    log_json: bool = Field(False, description="Structured logs as JSON lines")

    @field_validator("archive_after_days")
    @classmethod
    def _not_too_young(cls, days: int) -> int:
        if 0 < days < 31:
            raise ValueError(
                "0 (never), or 31 days and more: scanners and desks resume from the log"
            )
        return days

    @field_validator("wecom_proxy", "dingtalk_proxy", "telegram_proxy")
    @classmethod
    def _a_proxy(cls, address: str) -> str:
        if address and not re.fullmatch(r"(https?|socks5h?)://[^\s/]+/?", address):
            raise ValueError("a proxy is http://host:port, https://… or socks5://…")
        return address

    @model_validator(mode="after")
    def _reached_where_it_listens(self) -> Self:
        if "public_url" not in self.model_fields_set:
            self.public_url = f"http://127.0.0.1:{self.port}"
        return self

    def __init__(self, **values: Any) -> None:
        super().__init__(**(_secrets_from_files() | values))


def _secrets_from_files() -> dict[str, str]:
    """`JIELI_X_FILE=/run/secrets/x` gives option `x`: docker secrets, without a shell wrapper."""
    found = {}
    for name, path in os.environ.items():
        if name.startswith("JIELI_") and name.endswith("_FILE"):
            found[name[6:-5].lower()] = Path(path).read_text().strip()
    return found

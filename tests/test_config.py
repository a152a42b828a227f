"""config.toml: typed, strict, overridable, and wrong in sentences."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr import config
from ivr.core.errors import ConfigError

REPO = Path(__file__).parents[1]


def _load(tmp_path: Path, text: str) -> config.Config:
    file = tmp_path / "config.toml"
    file.write_text(text, "utf-8")
    return config.load(file)


def _refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        _load(tmp_path, text)
    return str(caught.value)


def test_the_shipped_file_says_what_the_defaults_are(monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = config.load(REPO / "config.toml")
    assert {a.id for a in shipped.agent} == {"8001", "8002", "8003"}
    for name in ("city", "asterisk", "sip", "http", "ami", "web", "desk", "outside", "log"):
        assert getattr(shipped, name) == getattr(config.Config(), name), name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[web]\nprot = 80\n", "web.prot: there is no such key."),
        ("[web]\nport = 99999\n", "web.port: Input should be less than or equal to 65535."),
        (
            "[[trunk]]\nname = 'a'\nmatch = ['10.0.0.999']\n",
            "trunk.#1.match: '10.0.0.999' is not an IP address or network.",
        ),
        ("[[agent]]\nid = '8001'\nname = 'x'\nskills = []\n", "agent.#1.skills"),
        ("[[agent]]\nid = 'x'\nname = 'x'\nskills = ['a']\n", "agent.#1.id"),
        ("[sip]\nrtp_start = 10\nrtp_end = 11\n", "sip: rtp_end must be at least 4 above rtp_start"),
        (
            "agent = [{id='80', name='x', skills=['a']}, {id='80', name='y', skills=['a']}]",
            "agent '80' is there 2 times.",
        ),
        ("[outside]\ntrunk = 'a'\n", "outside.trunk: there is no trunk 'a' with a host to send calls to."),
        ("[[trunk]]\nname = 'a'\nmatch = ['10.0.0.9']\nhost = 'a b'\n", "trunk.#1.host"),
        ("[[trunk]]\nname = 'a'\nmatch = ['10.0.0.9']\nhost = 'a:70000'\n", "trunk.#1.host: 'a:70000' will not do"),
        (
            "[[trunk]]\nname = 'a'\nmatch = ['10.0.0.9']\ncodecs = ['alwa']\n",
            "trunk.#1.codecs.#1: Input should be 'g722'",
        ),
        ("[web\n", "not readable as TOML"),
        ("x = " + "[" * 9000, "not readable as TOML: brackets within brackets without end."),
        ("x = " + "1" * 9000, "not readable as TOML"),
        ("_env_file = 'x'\n", "_env_file: there is no such key."),
        ("_cli_parse_args = ['--help']\n", "_cli_parse_args: there is no such key."),
        ("[sip]\nhost = '127.0.0.1\\nport = 1'\n", "sip.host: "),
        ('[sip]\nhost = "127.0.0.1\\nport = 1"\n', "sip.host: '127.0.0.1\\nport = 1' will not do; write as"),
        ('[state]\ndir = "a\\u0000b"\n', "state.dir: 'a\\x00b' holds characters that cannot be shown."),
        ("[web]\nphone_url = 'ws://[::1'\n", "web.phone_url: 'ws://[::1' will not do"),
        ('[web]\nphone_url = "wss://x; script-src *"\n', "web.phone_url: "),
    ],
)
def test_a_mistake_is_a_sentence_with_file_and_key(tmp_path: Path, text: str, sentence: str) -> None:
    said = _refused(tmp_path, text)
    assert sentence in said
    assert str(tmp_path / "config.toml") in said


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"config\.toml: there is no such file"):
        config.load(tmp_path / "config.toml")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("city = '株洲'\n".encode("gbk"), "this is not UTF-8 text; save it again as UTF-8."),
        ("[web]\nport = 1\n".encode("utf-16"), "this is not UTF-8 text; save it again as UTF-8."),
    ],
)
def test_another_encoding_is_said(tmp_path: Path, content: bytes, sentence: str) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        config.load(file)
    assert str(caught.value) == f"{file}: {sentence}"


def test_a_file_of_the_windows_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes("\ufeff[city]\nname = '长沙'\n".encode())
    assert config.load(tmp_path / "config.toml").city.name == "长沙"


def test_a_folder_in_its_place_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not readable: Is a directory"):
        config.load(tmp_path)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("IVR_WEB__PORT", "x", "web.port: Input should be a valid integer, unable to parse string as an integer."),
        ("IVR_SPI__PORT", "5061", "spi: there is no such key."),
        ("IVR_SIP__PROT", "5061", "sip.prot: there is no such key."),
        ("IVR_CITY__NAME", "\udcff", "city.name: '\\udcff' holds characters that cannot be shown."),
        ("IVR_SIP", '{"port": 5061}', "name the key, too, as IVR_SIP__KEY."),
        ("IVR_TRUNK", "{", "write the whole list in JSON, as docs/configuration.md shows."),
        ("IVR_AGENT__0__ID", "8001", "write the whole list in JSON, as docs/configuration.md shows."),
        ("IVR_AGENT", '[{"id": "x", "name": "x", "skills": ["a"]}]', "agent.#1.id: String should match"),
    ],
)
def test_a_mistake_in_the_environment_names_the_variable(
    tmp_path: Path, variable: str, value: str, sentence: str
) -> None:
    (tmp_path / "config.toml").write_text("[web]\nport = 8080\n", "utf-8")
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path / "config.toml", {variable: value, "IVR_CONFIG": "x", "PATH": "/bin"})
    assert str(caught.value).startswith(f"environment variable {variable}: {sentence}")


def test_the_environment_overrides_any_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "IVR_SIP__PORT": "15060",
        "IVR_AMI__PORT": "15038",
        "IVR_WEB__PORT": "18080",
        "IVR_STATE__DIR": "elsewhere",
        "IVR_SPEECH__FETCH": "false",
        "IVR_DESK__RATING_S": "2.5",
    }.items():
        monkeypatch.setenv(name, value)
    loaded = _load(tmp_path, "[web]\nport = 1\n[sip]\nport = 2\nrtp_start = 4000\n")
    assert (loaded.sip.port, loaded.ami.port, loaded.web.port) == (15060, 15038, 18080)
    assert loaded.sip.rtp_start == 4000
    assert loaded.state.dir == tmp_path / "elsewhere"
    assert loaded.speech.fetch is False
    assert loaded.desk.rating_s == 2.5


def test_a_wrong_value_in_the_environment_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVR_WEB__PORT", "eighty")
    assert "web.port" in _refused(tmp_path, "")


@pytest.mark.parametrize(
    ("host", "loopback"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("desk", False)]
)
def test_loopback_is_known(host: str, loopback: bool) -> None:
    assert config.Web(host=host).loopback is loopback

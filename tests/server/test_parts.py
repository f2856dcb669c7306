"""Outbox, places, settings, tokens' making, logs and numbers, each by itself."""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
from pathlib import Path

import pytest
from aiohttp import ClientSession, WSServerHandshakeError
from hypothesis import given
from hypothesis import strategies as st
from tests.server.callers import Twilio
from tests.server.content import ContentEngine, spoken
from tests.server.serving import dial, serving, until
from tests.server.test_faults import CaptionedTwilio

from speechwire.errors import InvalidArgument, InvalidArgumentType
from speechwire.server._outbox import Outbox, Weight
from speechwire.server.admission import Admission
from speechwire.server.application import find_application
from speechwire.server.config import Config, load, settings, unread_variables
from speechwire.server.limits import Limits
from speechwire.server.logs import JsonFormatter, TextFormatter

ROOT = Path(__file__).resolve().parents[2]


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def outbox(limit_bytes: int = 100, limit_s: float = 5.0) -> tuple[Outbox, Clock]:
    clock = Clock()
    return Outbox(limit_bytes=limit_bytes, limit_s=limit_s, clock=clock), clock


async def test_a_slow_reader_loses_interims_first_and_nothing_else() -> None:
    box, _ = outbox()
    for number in range(50):
        assert box.put(Weight.INTERIM, [f"interim {number}"])
    assert box.put(Weight.KEPT, ["final"])
    assert box.put(Weight.INTERIM, ["interim of the next"])
    assert await box.take() == ["final", "interim of the next"]
    assert box.interims_dropped == 50


async def test_one_who_reads_gets_everything() -> None:
    box, _ = outbox()
    for number in range(50):
        assert box.put(Weight.INTERIM, [f"interim {number}"])
        assert await box.take() == [f"interim {number}"]
    assert box.interims_dropped == 0


async def test_too_much_that_waits_is_an_overflow() -> None:
    box, _ = outbox(limit_bytes=10)
    assert box.put(Weight.KEPT, ["0123456789"])
    assert not box.put(Weight.KEPT, ["x"])
    assert box.overflowed and await box.take() is None


async def test_what_waits_too_long_is_an_overflow() -> None:
    box, clock = outbox(limit_s=5.0)
    assert box.put(Weight.KEPT, ["a"])
    clock.now_s = 4.0
    assert box.put(Weight.KEPT, ["b"])
    clock.now_s = 5.1
    assert not box.put(Weight.KEPT, ["c"])


async def test_a_long_silence_is_no_overflow() -> None:
    box, clock = outbox(limit_s=5.0)
    clock.now_s = 100.0
    assert box.put(Weight.KEPT, ["a"])
    assert await box.take() == ["a"]


async def test_cleared_speech_is_not_sent() -> None:
    box, _ = outbox()
    box.put(Weight.SPEECH, ["s1", "s2"])
    box.put(Weight.KEPT, ["caption"])
    box.put(Weight.SPEECH, ["s3"])
    box.drop_speech()
    assert box.put(Weight.KEPT, ["clear"])
    assert await box.take() == ["caption", "clear"]


async def test_the_end_is_said_after_what_waits() -> None:
    box, _ = outbox()
    box.put(Weight.KEPT, ["last"])
    box.close()
    assert not box.put(Weight.KEPT, ["later"])
    assert await box.take() == ["last"] and await box.take() is None


@given(st.lists(st.tuples(st.sampled_from(list(Weight)), st.text(max_size=5)), max_size=40))
def test_what_is_kept_is_sent_once_and_in_order(puts: list[tuple[Weight, str]]) -> None:
    async def run() -> None:
        box, _ = outbox(limit_bytes=10_000)
        for index, (weight, text) in enumerate(puts):
            assert box.put(weight, [f"{index}:{text}"])
        box.close()
        sent = await box.take() or []
        kept = [
            f"{index}:{text}" for index, (weight, text) in enumerate(puts) if weight is not Weight.INTERIM
        ]
        assert [one for one in sent if one in kept] == kept
        interims = [i for i, (weight, _) in enumerate(puts) if weight is Weight.INTERIM]
        assert len(sent) == len(kept) + (1 if interims else 0)

    asyncio.run(run())


async def test_places_are_taken_queued_and_refused_in_order() -> None:
    admission = Admission(2, queue=2)
    first, second, third, fourth = (admission.claim() for _ in range(4))
    assert admission.claim() is None
    assert first and second and third and fourth
    assert [one.is_taken for one in (first, second, third, fourth)] == [True, True, False, False]
    assert (third.queued[0], fourth.queued[0]) == (0, 1)
    waiting = asyncio.create_task(fourth.wait())
    third.release()  # it hangs up while it waits
    first.release()
    await waiting
    assert fourth.is_taken and (admission.taken, admission.waiting) == (2, 0)
    for one in (first, second, third, fourth, fourth):
        one.release()
    assert admission.taken == 0


async def test_beyond_the_places_a_caller_is_refused_before_the_upgrade() -> None:
    async with serving(max_calls=1, engine=ContentEngine()) as where, dial(where, Twilio()) as call:
        async with ClientSession() as session:
            with pytest.raises(WSServerHandshakeError) as caught:
                await session.ws_connect(where.socket_url + "/call")
        assert caught.value.status == 503
        assert caught.value.headers is not None and caught.value.headers["Retry-After"] == "5"
        assert where.server.counters.refused == {"busy": 1}
        await call.hang_up()
        await until(lambda: not where.server.lines)
        async with dial(where, Twilio()) as another:
            await another.hang_up()


async def test_a_caller_in_the_queue_is_heard_when_it_is_its_turn() -> None:
    waiting = CaptionedTwilio()
    async with (
        serving(max_calls=1, queue=1, engine=ContentEngine()) as where,
        dial(where, Twilio()) as first,
        dial(where, waiting) as second,
    ):
        await until(lambda: where.server.admission.waiting == 1)
        await first.hang_up()
        await until(lambda: where.server.admission.waiting == 0)
        await second.say(spoken([4, 5]))
        await second.hang_up()
    assert [one["transcript"] for one in waiting.heard.captions if one["type"] == "EndOfTurn"] == ["4 5"]


async def test_a_caller_who_waits_too_long_is_told() -> None:
    async with serving(max_calls=1, queue=1, queue_s=0.2) as where, dial(where, Twilio()) as first:
        async with dial(where, Twilio()) as second:
            assert await second.ended() == 1013
        assert where.server.counters.ended == {"busy": 1}
        await first.hang_up()


async def test_the_longest_call_ends() -> None:
    async with serving(call_s=0.3) as where, dial(where, Twilio()) as call:
        assert await call.ended() == 1008
        assert where.server.counters.ended == {"limit": 1}


async def test_the_numbers_can_be_read() -> None:
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")
    async with serving(engine=ContentEngine()) as where:
        async with dial(where, Twilio()) as call:
            await call.say(spoken([1, 2]))
            await call.hang_up()
        await until(lambda: not where.server.lines)
        async with ClientSession() as session, session.get(where.url + "/metrics") as response:
            text = await response.text()
    values = {
        (sample.name, *sample.labels.values()): sample.value
        for family in parser.text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert values["speechwire_calls",] == 0
    assert values["speechwire_calls_ended_total", "hung_up"] == 1
    assert values["speechwire_turns_total",] == 1
    assert values["speechwire_listen_connections_total",] == 1
    assert "key" not in text.replace("keep_alives", "")


async def test_each_call_is_a_span(monkeypatch: pytest.MonkeyPatch) -> None:
    trace = pytest.importorskip("opentelemetry.trace", reason="OpenTelemetry is not installed")
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="OpenTelemetry's SDK is not installed")
    memory = importlib.import_module("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    export = importlib.import_module("opentelemetry.sdk.trace.export")
    exporter, provider = memory.InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(export.SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer", provider.get_tracer)
    async with serving(engine=ContentEngine()) as where, dial(where, Twilio()) as call:
        await call.say(spoken([1]))
        await call.hang_up()
        await until(lambda: not where.server.lines)
    (span,) = exporter.get_finished_spans()
    assert span.name == "speechwire.call"
    assert span.attributes["speechwire.ending"] == "hung_up"
    assert span.attributes["speechwire.audio_s"] == 1.25
    provider.shutdown()


def test_settings_come_from_the_file_the_environment_and_options(tmp_path: Path) -> None:
    file = tmp_path / "server.toml"
    file.write_text('port = 1\nqueue = 2\nidle_s = 5\n[listen]\nmodel = "nova-3"\n', encoding="utf-8")
    environment = {"SPEECHWIRE_SERVE_QUEUE": "3", "SPEECHWIRE_SERVE_PUBLIC_PAGE": "yes"}
    environment["SPEECHWIRE_SERVE_ALLOWED_ORIGINS"] = "https://a, https://b"
    config = load(file, environment, {"idle_s": 7.0, "port": None})
    assert (config.port, config.queue, config.idle_s) == (1, 3, 7.0)
    assert config.listen == {"model": "nova-3"} and config.public_page
    assert config.allowed_origins == ("https://a", "https://b")
    assert config.limits.idle_s == 7.0


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("prot = 1", InvalidArgument),
        ("port = 70000", InvalidArgument),
        ('port = "1"', InvalidArgumentType),
        ("port = true", InvalidArgumentType),
        ("queue = -1", InvalidArgument),
        ('auth = "maybe"', InvalidArgument),
        ('token_secret = "hush"', InvalidArgument),
        ('public_url = "ftp://x"', InvalidArgument),
        ("call_s = 0", InvalidArgument),
        ("audio_speed = 0.5", InvalidArgument),
        ("this is no TOML", InvalidArgument),
        ("allowed_origins = [1]", InvalidArgumentType),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, text: str, error: type[Exception]) -> None:
    file = tmp_path / "server.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(error) as caught:
        load(file, {})
    assert "hush" not in str(caught.value)


def test_variables_that_look_like_settings_are_named() -> None:
    environment = {
        "SPEECHWIRE_SERVE_PORT": "1",
        "SPEECHWIRE_SERVER_MAX_CALLS": "9",
        "SPEECHWIRE_SERVE_TWILIO_TOKEN": "hush",
        "SPEECHWIRE_SERVE_LISTEN": "{}",
        "SPEECHWIRE_ENGINE": "numpy",
    }
    unread = unread_variables(environment)
    assert list(unread) == [
        "SPEECHWIRE_SERVER_MAX_CALLS",
        "SPEECHWIRE_SERVE_LISTEN",
        "SPEECHWIRE_SERVE_TWILIO_TOKEN",
    ]
    assert unread["SPEECHWIRE_SERVER_MAX_CALLS"] == "SPEECHWIRE_SERVE_MAX_CALLS"
    assert unread["SPEECHWIRE_SERVE_TWILIO_TOKEN"] == "SPEECHWIRE_SERVE_TWILIO_AUTH_TOKEN"
    assert unread_variables({"SPEECHWIRE_SERVICE_HOST": "10.0.0.1", "PATH": ""}) == {}


def test_no_secret_is_shown_and_none_has_an_option() -> None:
    secret = "a secret of thirty-two characters"
    config = Config(token_secret=secret, shared_secret=secret, twilio_auth_token=secret)
    assert secret not in repr(config)
    assert all(not row.option for row in settings() if row.is_secret)
    assert {row.name for row in settings() if row.is_secret} >= {"token_secret", "shared_secret"}


def test_the_documentation_has_a_row_for_each_setting() -> None:
    page = (ROOT / "docs" / "server.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `")]
    for row in settings():
        (line,) = [one for one in rows if one.startswith(f"| `{row.name}` |")]
        assert row.help in line, line
        assert f"`{row.option}`" in line or not row.option


@pytest.mark.parametrize("name", ["events", "call_s", "message_bytes", "malformed"])
def test_limits_are_above_nothing(name: str) -> None:
    with pytest.raises(InvalidArgument, match=name):
        Limits(**{name: 0})


@pytest.mark.parametrize("name", ["x", ":", "no_such_module:answer", "json:dumps", "json:nothing", ""])
def test_an_application_that_is_none_is_named(name: str) -> None:
    with pytest.raises(InvalidArgument, match="application"):
        find_application(name)


def test_the_demo_is_an_application() -> None:
    assert find_application("speechwire.server.demo:answer").__name__ == "answer"


def test_a_record_is_a_line_of_json_with_its_call() -> None:
    record = logging.makeLogRecord(
        {"name": "speechwire.server", "levelname": "INFO", "msg": "a\nb", "call_id": "c1", "ending": "done"}
    )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    entry = json.loads(line)
    assert (entry["message"], entry["call_id"], entry["ending"]) == ("a\nb", "c1", "done")


def test_what_a_caller_sent_cannot_begin_a_line_of_the_log() -> None:
    caller = {"call_id": "c1\n2026-11-28 ERROR forged\x1b[31m", "provider_id": "Zoë"}
    record = logging.makeLogRecord({"levelname": "INFO", "msg": "it says: %s", "args": ("a\r\nb",), **caller})
    line = TextFormatter().format(record)
    assert line.isprintable() and r"a\r\nb" in line
    assert line.endswith(r"call_id=c1\n2026-11-28 ERROR forged\x1b[31m provider_id=Zoë")

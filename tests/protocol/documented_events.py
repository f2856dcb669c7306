"""What each documented message becomes."""

from __future__ import annotations

from typing import Any

from speechwire.protocol import (
    listen_v1_events,
    listen_v2_events,
    speak_v1_events,
    speak_v2_events,
)

ENDPOINTS = ["ListenV1", "ListenV2", "SpeakV1", "SpeakV2"]

NOVA_3 = listen_v1_events.ModelInfo(name="general-nova-3", version="2025-04-17.21547", arch="nova-3")
V1_REQUEST = "5f0c1f0e-2c1e-4d53-9f6b-0a8b6a8f5b11"
V2_REQUEST = "7a7b6c5d-1111-4a2b-9c3d-0123456789ab"
MODEL_UUID = "40bd3654-e622-47c4-a111-63a61b23bfe8"

EVENTS: dict[tuple[str, str], Any] = {
    ("ListenV1", "Results"): listen_v1_events.Results(
        channel_index=(0, 1),
        duration=1.02,
        start=2.04,
        is_final=True,
        speech_final=True,
        channel=listen_v1_events.Channel(
            alternatives=(
                listen_v1_events.Alternative(
                    transcript="Two tickets to Oslo, please.",
                    confidence=0.9912,
                    words=(
                        listen_v1_events.Word(
                            word="two", start=2.11, end=2.35, confidence=0.9981, punctuated_word="Two"
                        ),
                        listen_v1_events.Word(
                            word="tickets", start=2.35, end=2.62, confidence=0.9977, punctuated_word="tickets"
                        ),
                    ),
                ),
            )
        ),
        metadata=listen_v1_events.ResultsMetadata(
            request_id=V1_REQUEST, model_info=NOVA_3, model_uuid=MODEL_UUID
        ),
    ),
    ("ListenV1", "SpeechStarted"): listen_v1_events.SpeechStarted(channel=(0, 1), timestamp=2.1),
    ("ListenV1", "UtteranceEnd"): listen_v1_events.UtteranceEnd(channel=(0, 1), last_word_end=3.06),
    ("ListenV1", "Metadata"): listen_v1_events.Metadata(
        transaction_key="deprecated",
        request_id=V1_REQUEST,
        sha256="0f1d2c3b",
        created="2026-11-20T10:11:12.131Z",
        duration=12.48,
        channels=1,
        models=(MODEL_UUID,),
        model_info={MODEL_UUID: NOVA_3},
    ),
    ("ListenV1", "ConfigureSuccess"): listen_v1_events.ConfigureSuccess(
        request_id=V1_REQUEST, keyterms=("Kvaerner", "order number")
    ),
    ("ListenV1", "ConfigureFailure"): listen_v1_events.ConfigureFailure(
        request_id=V1_REQUEST, code="CONFIGURE_KEYTERM_LIMIT_EXCEEDED", description="Keyterm limit exceeded."
    ),
    ("ListenV1", "Error"): listen_v1_events.Error(
        variant="SchemaError",
        description="Could not deserialize last text message: unknown variant `Terminate`",
        message='{"type":"Terminate"}',
    ),
    ("ListenV2", "Connected"): listen_v2_events.Connected(request_id=V2_REQUEST, sequence_id=0),
    ("ListenV2", "TurnInfo"): listen_v2_events.TurnInfo(
        request_id=V2_REQUEST,
        sequence_id=9,
        event="EndOfTurn",
        turn_index=0,
        audio_window_start=0.0,
        audio_window_end=2.24,
        transcript="Two tickets.",
        words=(
            listen_v2_events.Word(word="Two", confidence=0.998, start=0.64, end=0.8),
            listen_v2_events.Word(word="tickets.", confidence=0.997, start=0.8, end=1.12),
        ),
        end_of_turn_confidence=0.83,
        trigger="model",
    ),
    ("ListenV2", "ConfigureSuccess"): listen_v2_events.ConfigureSuccess(
        request_id=V2_REQUEST,
        sequence_id=10,
        thresholds=listen_v2_events.Thresholds(
            eager_eot_threshold=0.4, eot_threshold=0.8, eot_timeout_ms=3000
        ),
        keyterms=("Oslo",),
        language_hints=("en", "es"),
        numerals=True,
    ),
    ("ListenV2", "ConfigureFailure"): listen_v2_events.ConfigureFailure(
        request_id=V2_REQUEST,
        sequence_id=11,
        code="INVALID_THRESHOLD",
        description="eager_eot_threshold must not exceed eot_threshold",
    ),
    ("ListenV2", "Warning"): listen_v2_events.Warning(
        request_id=V2_REQUEST,
        sequence_id=12,
        code="FORCE_END_TURN_NO_ACTIVE_TURN",
        description="ForceEndTurn came while no turn was active; ignored.",
    ),
    ("ListenV2", "Error"): listen_v2_events.Error(
        sequence_id=13,
        code="UNPARSABLE_CLIENT_MESSAGE",
        description="Could not deserialize last text message",
    ),
    ("SpeakV1", "Metadata"): speak_v1_events.Metadata(
        request_id="2b9f7f9c-2222-4e5f-8a1b-abcdefabcdef",
        model_name="aura-2-thalia-en",
        model_version="2025-04-07.0",
        model_uuid="e9d3f0a1-5555-4c7b-8f0e-1234567890ab",
    ),
    ("SpeakV1", "Flushed"): speak_v1_events.Flushed(sequence_id=0),
    ("SpeakV1", "Cleared"): speak_v1_events.Cleared(sequence_id=1),
    ("SpeakV1", "Warning"): speak_v1_events.Warning(
        code="EXCESSIVE_FLUSH", description="Rate limit exceeded for flushes. Please try again later."
    ),
    ("SpeakV1", "Error"): speak_v1_events.Error(description="something went wrong"),
    ("SpeakV2", "Connected"): speak_v2_events.Connected(
        request_id="9d8c7b6a-3333-4f5e-8d7c-fedcba987654",
        model_name="flux-alexis-en",
        model_version="2026-07-14.1",
        model_uuids=("c0ffee00-4444-4bbb-8ccc-000011112222",),
    ),
    ("SpeakV2", "SpeechStarted"): speak_v2_events.SpeechStarted(speech_id="dg_sp_0a1b2c3d4e5f"),
    ("SpeakV2", "Flushed"): speak_v2_events.Flushed(speech_id="dg_sp_0a1b2c3d4e5f"),
    ("SpeakV2", "SpeechMetadata"): speak_v2_events.SpeechMetadata(
        speech_id="dg_sp_0a1b2c3d4e5f",
        audio_duration_ms=2140,
        input_character_count=27,
        billable_character_count=27,
    ),
    ("SpeakV2", "SpeechInterrupted"): speak_v2_events.SpeechInterrupted(
        audio_played_ms=1840,
        text_spoken="Your train leaves",
        text_remaining="at nine.",
        metadata=speak_v2_events.Summary(
            speech_id="dg_sp_0a1b2c3d4e5f",
            audio_duration_ms=2140,
            input_character_count=27,
            billable_character_count=27,
        ),
    ),
    ("SpeakV2", "SessionMetadata"): speak_v2_events.SessionMetadata(
        total_audio_duration_ms=2140, total_input_character_count=27, total_billable_character_count=27
    ),
    ("SpeakV2", "ConfigureSuccess"): speak_v2_events.ConfigureSuccess(
        applied=speak_v2_events.Applied(speed=1.1)
    ),
    ("SpeakV2", "ConfigureFailure"): speak_v2_events.ConfigureFailure(
        code="SPEED_OUT_OF_RANGE", field="speed", value=3.0, description="speed outside the allowed range"
    ),
    ("SpeakV2", "Warning"): speak_v2_events.Warning(code="NO_ACTIVE_SPEECH", description="nothing to flush"),
    ("SpeakV2", "Error"): speak_v2_events.Error(
        code="NET-0004", description="No client message within the inactivity window"
    ),
}

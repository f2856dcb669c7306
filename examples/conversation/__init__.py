"""A spoken conversation through a real framework for voice agents, without an account or a network.

A caller's speech goes in as 20 ms frames at real pace, Flux turns it into turns, a small rule-based agent
answers, Aura speaks, and the caller barges in once. ``--framework`` chooses who holds it: VideoSDK Agents
with `DeepgramSTTV2` and `DeepgramTTS`, LiveKit Agents with `STTv2` and `TTS` of our plugin, Pipecat with
`SpeechwireFluxSTTService` and `SpeechwireTTSService`.
"""

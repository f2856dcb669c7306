"""A spoken conversation through the real VideoSDK Agents framework, without an account or a network.

A caller's speech goes in as 20 ms frames at real pace, `DeepgramSTTV2` turns it into turns, a small
rule-based agent answers, `DeepgramTTS` speaks, and the caller barges in once.
"""

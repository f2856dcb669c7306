"""Names of models and languages. Any string will do: the service knows which there are."""

__all__ = ["DeepgramLanguages", "DeepgramModels", "FluxTTSModels", "TTSModels", "V2Models"]

DeepgramModels = str
DeepgramLanguages = str
V2Models = str
TTSModels = str
FluxTTSModels = str

"""Languages by name, as a prompt says them to a model."""

from __future__ import annotations

from datakit.text import base_language

_ENGLISH = {
    "ar": "Arabic", "bn": "Bengali", "cs": "Czech", "da": "Danish", "de": "German", "el": "Greek",
    "en": "English", "es": "Spanish", "fa": "Persian", "fi": "Finnish", "fr": "French",
    "he": "Hebrew", "hi": "Hindi", "hu": "Hungarian", "id": "Indonesian", "it": "Italian",
    "ja": "Japanese", "ko": "Korean", "nl": "Dutch", "no": "Norwegian", "pl": "Polish",
    "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sv": "Swedish", "te": "Telugu",
    "th": "Thai", "tr": "Turkish", "uk": "Ukrainian", "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip
_CHINESE = {"zh": "中文", "en": "英文", "zh-hant": "繁体中文", "zh-tw": "繁体中文"}


def language_name(language: str | None, told_in: str) -> str:
    """The name of a BCP 47 tag in English, or in Chinese where `told_in` is zh."""
    base = base_language(language)
    if base is None:
        return "与段落相同" if told_in == "zh" else "that of the passage"
    if told_in == "zh":
        return _CHINESE.get(str(language).lower()) or _CHINESE.get(base, base)
    return _ENGLISH.get(base, f"the language with the code {base!r}")

"""Prompts as files: found, checked, filled in with values that are never interpreted.

A prompt is `<name>.v<n>.<language>.md`: TOML between two lines of `+++`, then the messages, each
under a line `<!-- system -->`, `<!-- user -->` or `<!-- assistant -->`. The words are a Jinja
template in a sandbox; what is filled in is data, whatever it looks like.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

from datakit.errors import PlanError, UnknownName, did_you_mean
from datakit.llm.exchange import Message, Role, Schema
from datakit.records import safe_id, sha256
from datakit.resources import folder, schema
from datakit.text import base_language

MAX_BYTES = 100_000  # of a prompt file
ANY = "*"  # among the languages of a prompt: it names the language that it is given
_PART = re.compile(r"^<!-- (\w+) -->\n", re.M)
_FRONT = re.compile(r"\A\+\+\+\n(.*?\n)\+\+\+\n", re.S)
_NAME = re.compile(r"(?P<name>[\w-]+\.v\d+)\.(?P<language>[a-z]{2,3})")
# marks to which chat templates of common model families give a meaning
_CONTROL = re.compile(
    r"(?P<open><)(?=[|｜]|/?s>|/?(?:start|end)_of_turn>)|(?P<bracket>\[)(?=/?INST\])"
)


@dataclass(frozen=True)
class _Front:
    """What a prompt file says about itself."""

    purpose: str
    schema: str  # schemas/<schema>.json
    variables: tuple[str, ...]  # that the words use; whoever asks has to offer them
    languages: tuple[str, ...] = (ANY,)  # of what is asked about


@dataclass(frozen=True)
class Prompt:
    """The words of a request, with places for values."""

    prompt_id: str  # bottom_up.v1.en; the name of the file, without .md
    digest: str  # 64 hex digits over the file, its line ends as LF
    purpose: str
    variables: tuple[str, ...]
    languages: tuple[str, ...]
    schema: Schema
    parts: tuple[tuple[Role, str], ...]  # role and template

    def render(self, **values: Any) -> tuple[Message, ...]:
        """The messages with these values; a message that would be empty is left out.

        Raises:
            PlanError: a value is missing, or the template does something that it may not do.
        """
        import jinja2

        try:
            done = [(role, _template(source).render(values).strip()) for role, source in self.parts]
        except jinja2.TemplateError as error:
            raise PlanError(f"prompt {self.prompt_id}: {error}") from None
        return tuple(Message(role, text) for role, text in done if text)

    def check(self, offered: Iterable[str], schema: str | None = None) -> Prompt:
        """The prompt itself, if it uses nothing but what is offered.

        Raises:
            PlanError: it uses a variable that nobody would fill in, or asks for another schema
                than the one that is read.
        """
        if schema not in (None, self.schema.name):
            raise PlanError(
                f"prompt {self.prompt_id} asks for {self.schema.name!r}; expected {schema!r}, "
                "which is what is read"
            )
        known = sorted(offered)
        for name in self.variables:
            if name not in known:
                raise PlanError(
                    f"prompt {self.prompt_id} uses the variable {name!r}, which it is not given"
                    f"{did_you_mean(name, known)}"
                )
        return self


# --- find ---------------------------------------------------------------------------------


def load(name: str, language: str | None) -> Prompt:
    """A prompt in the version that suits a text.

    Args:
        name: a released prompt such as `bottom_up.v1`, or the path of a file of one's own; in a
            path, `{language}` stands for `zh` or `en`, whichever suits the text.
        language: BCP 47 of the text that is asked about.

    Raises:
        UnknownName: there is no such prompt.
        PlanError: the file cannot be read, or is not a prompt.
    """
    base = base_language(language) or ""
    if "/" in name or name.endswith(".md"):
        return read(Path(name.replace("{language}", "zh" if base == "zh" else "en")))
    found = [read(path) for path in _files() if path.name.startswith(f"{name}.")]
    exact = [prompt for prompt in found if base in prompt.languages]
    for prompt in exact or [prompt for prompt in found if ANY in prompt.languages]:
        return prompt
    raise UnknownName("prompt", name, {_NAME.sub(r"\g<name>", path.stem) for path in _files()})


def versions(name: str) -> tuple[Prompt, ...]:
    """A prompt in all its languages: what decides the words, whatever the text."""
    found = [load(name, language) for language in ("en", "zh")]
    return tuple({prompt.prompt_id: prompt for prompt in found}.values())


def released() -> list[Prompt]:
    """All prompts that come with the package, by name."""
    return [read(path) for path in _files()]


def released_path(prompt_id: str) -> Path:
    """The file of a released prompt.

    Raises:
        UnknownName: there is no such prompt.
    """
    for path in _files():
        if path.stem == prompt_id:
            return path
    raise UnknownName("prompt", prompt_id, (path.stem for path in _files()))


def _files() -> list[Path]:
    return sorted(path for path in folder("prompts").glob("*.md") if _NAME.fullmatch(path.stem))


# --- read ---------------------------------------------------------------------------------


def read(path: Path) -> Prompt:
    """The prompt in a file.

    Raises:
        PlanError: the file cannot be read, or is not a prompt.
        UnknownName: the schema that it names does not exist.
    """
    from datakit.registry import checked

    text = read_text(path, "prompt")
    front = _FRONT.match(text)
    if front is None:
        raise PlanError(f"prompt {path}: expected TOML between two lines of +++ at its top")
    try:
        values = tomllib.loads(front.group(1))
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"prompt {path}: its front matter is not TOML: {error}") from None
    known = {f.name for f in dataclasses.fields(_Front) if f.default is dataclasses.MISSING}
    if missing := sorted(known - set(values)):
        raise PlanError(f"prompt {path}: its front matter has no {missing[0]!r}")
    head = checked(_Front, f"prompt {path}", values)
    parts = _parts(text[front.end() :], path)
    _check_used(parts, head.variables, path)
    return Prompt(
        prompt_id=safe_id(path.stem),
        digest=hashlib.sha256(text.encode()).hexdigest(),
        purpose=head.purpose,
        variables=head.variables,
        languages=head.languages,
        schema=Schema(head.schema, schema(head.schema)),
        parts=parts,
    )


def read_text(path: Path, what: str) -> str:
    """A small text file in UTF-8, its line ends as LF.

    Raises:
        PlanError: there is none, it is too large, or it is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise PlanError(f"{what} {path} cannot be read: {error.strerror}") from None
    if len(data) > MAX_BYTES:
        raise PlanError(f"{what} {path} has more than {MAX_BYTES:,} bytes: make it shorter")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise PlanError(f"{what} {path} is not UTF-8: {error.reason}") from None


def _parts(body: str, path: Path) -> tuple[tuple[Role, str], ...]:
    before, *rest = _PART.split(body)
    parts = tuple(zip(rest[::2], rest[1::2], strict=True))
    roles = [role for role, _ in parts]
    for role in roles:
        if role not in get_args(Role):
            raise PlanError(f"prompt {path}: <!-- {role} --> is no role{_near(role)}")
    if before.strip() or "user" not in roles:
        raise PlanError(f"prompt {path}: expected its words under <!-- system -->, <!-- user -->")
    return cast("tuple[tuple[Role, str], ...]", parts)


def _near(role: str) -> str:
    return did_you_mean(role, get_args(Role))


def _check_used(parts: Iterable[tuple[str, str]], declared: tuple[str, ...], path: Path) -> None:
    import jinja2
    import jinja2.meta

    used: set[str] = set()
    for _, source in parts:
        try:
            _template(source)
            used |= jinja2.meta.find_undeclared_variables(_environment().parse(source))
        except jinja2.TemplateSyntaxError as error:
            raise PlanError(f"prompt {path}: {error}") from None
    if odd := sorted(used ^ set(declared)):
        found = "used but not declared" if odd[0] in used else "declared but not used"
        raise PlanError(f"prompt {path}: the variable {odd[0]!r} is {found} in `variables`")


# --- fill in ------------------------------------------------------------------------------


@functools.cache
def _environment() -> Any:
    import jinja2
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    made = ImmutableSandboxedEnvironment(
        autoescape=False,  # the output is text for a model, not HTML
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["fenced"] = fenced
    made.filters["line"] = line
    return made


@functools.lru_cache(maxsize=64)
def _template(source: str) -> Any:
    return _environment().from_string(source)


def fenced(text: str, tag: str) -> str:
    """A text between tags that it cannot close: `<passage>` or, where it tries, `<passage-1f0c>`.

    Marks that chat templates read as the end of a message get a blank.
    """
    fence, text = tag, _inert(text)
    while re.search(rf"</?\s*{re.escape(fence)}\b", text, re.I):
        fence = f"{tag}-{sha256(fence, text)[:4]}"
    return f"<{fence}>\n{text}\n</{fence}>"


def line(text: str, most: int = 300) -> str:
    """A value on one line, cut after so many characters."""
    flat = _inert(" ".join(text.split()))
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def _inert(text: str) -> str:
    return _CONTROL.sub(lambda match: f"{match.group()} ", text)


# --- count --------------------------------------------------------------------------------

_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_PIECES = re.compile(
    rf"(?P<han>[{_HAN}]+)|(?P<word>[^\W\d_{_HAN}]+)|(?P<number>\d+)|(?P<blank>\s+)|(?P<mark>.)"
)


def estimate_tokens(text: str) -> int:
    """About how many tokens a text has: an estimate, made without the model's tokeniser.

    Source: fitted to o200k_base on passages of terms, filings and reports: 0.87 to 1.10 of it by
    kind of document, 0.8 to 1.2 for nine passages of ten. Qwen counts 5 to 25 % less in Chinese and
    15 to 30 % more in tables of figures; cl100k_base half as many again in Chinese.
    """
    total = 0.0
    for match in _PIECES.finditer(text):
        size = match.end() - match.start()
        if match.lastgroup == "han":
            total += 0.75 * size
        elif match.lastgroup == "word":
            total += max(1.0, size / 5.5)
        elif match.lastgroup == "number":
            total += -(-size // 3)
        elif match.lastgroup == "mark":
            total += 0.8
        else:
            total += 0.5 * match.group().count("\n")
    return round(total)


def message_tokens(messages: Iterable[Message]) -> int:
    """Estimated tokens of a request; four more for each message, as chat formats have them."""
    return sum(4 + estimate_tokens(message.content) for message in messages)

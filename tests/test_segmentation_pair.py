"""The pair classifier: its samplings, its training, and checkpoints that others made."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from tiny_segmentation import TOPICS, document, documents, tiny_encoder

from datakit.errors import DatakitError
from datakit.segmentation import pair
from datakit.segmentation.calibration import condition
from datakit.segmentation.corpus import VARIANTS, Line, SectionedDocument, from_json
from datakit.segmentation.model import load


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_encoder(tmp_path_factory.mktemp("encoder")))


def topic_of(text: str) -> str:
    """The section that a made paragraph comes from, by its words."""
    words = set(text.lower().strip(".").split())
    return max(TOPICS, key=lambda topic: len(words & set(TOPICS[topic].split())))


def test_sections_are_the_top_sections_with_their_headings() -> None:
    one = document(3)
    found = pair.sections(one, "stripped")

    assert [text for section in found for text in section.texts] == [x.text for x in one.lines]
    assert [section.topic for section in found] == [topic_of(s.texts[0]).lower() for s in found]


def test_a_heading_line_of_the_plain_form_is_in_the_section_that_it_opens() -> None:
    found = pair.sections(document(3), "plain")

    assert [section.texts[0].lower() for section in found] == [section.topic for section in found]


def test_text_before_the_first_heading_is_a_section_without_topic() -> None:
    value = [{"text": "Hello.", "section": []}] + [
        {"text": f"{name} {i}.", "section": [name]} for name in ("Fees", "Data") for i in range(2)
    ]
    found = pair.sections(from_json(value, "d", "made"), "stripped")

    assert [section.topic for section in found] == ["", "fees", "data"]


@pytest.mark.parametrize("sampling", pair.SAMPLINGS)
def test_a_pair_is_of_the_same_topic_where_its_headings_say_so(sampling: pair.Sampling) -> None:
    settings = pair.Settings(sampling=sampling, variants=("stripped",))
    found = pair.sample(documents(), settings, 0, 0)

    assert {p.same for p in found} == {True, False}
    assert all((topic_of(p.left) == topic_of(p.right)) == p.same for p in found)
    assert abs(sum(p.same for p in found) / len(found) - 0.5) < 0.01


def test_consecutive_pairs_are_neighbours_and_document_pairs_of_one_document() -> None:
    one = document(5)
    texts = [line.text for line in one.lines]
    neighbours = set(itertools.pairwise(texts))
    near = pair.sample([one], pair.Settings(variants=("stripped",)), 0, 0)
    settings = pair.Settings(sampling="document", variants=("stripped",))
    far = pair.sample([one, document(6)], settings, 0, 0)

    assert {(p.left, p.right) for p in near} <= neighbours
    assert sum(not p.same for p in near) == 3  # four sections have three boundaries
    of_one = set(texts)
    assert all((p.left in of_one) == (p.right in of_one) for p in far)
    assert any((p.left, p.right) not in neighbours for p in far)


def test_section_pairs_are_whole_sections() -> None:
    settings = pair.Settings(sampling="section", variants=("stripped",))
    whole = {
        " ".join(section.texts) for d in documents() for section in pair.sections(d, "stripped")
    }

    assert {p.left for p in pair.sample(documents(), settings, 0, 0)} <= whole


def test_a_limit_draws_at_random_and_the_seed_decides() -> None:
    settings = pair.Settings(variants=("stripped",))
    every = pair.sample(documents(), settings, 0, 4)
    some = pair.sample(documents(), settings, 20, 4)

    assert some == every[:20] == pair.sample(documents(), settings, 20, 4)
    assert some != pair.sample(documents(), settings, 20, 5)


def fit(encoder: str, folder: Path, **changes: object) -> pair.PairClassifier:
    settings = dataclasses.replace(
        pair.Settings(
            encoder=encoder, epochs=10, patience=10, learning_rate=3e-3, variants=("stripped",)
        ),
        **changes,  # type: ignore[arg-type]
    )
    train, dev = documents(40), [document(i) for i in range(100, 110)]
    return pair.fit(
        train, dev, settings, seed=1, checkpoint_dir=folder, on_progress=lambda line: None
    )


@pytest.mark.parametrize("separator", ["", "[SEP]"])
def test_training_learns_what_belongs_together(
    encoder: str, tmp_path: Path, separator: str
) -> None:
    fitted = fit(encoder, tmp_path, separator=separator)
    unseen = [document(i) for i in range(200, 220)]
    pairs = pair.sample(unseen, pair.Settings(variants=("stripped",)), 0, 0)

    assert pair.accuracy(fitted, pairs) > 0.8


def test_logits_are_for_gaps_and_do_not_hang_on_the_batch(encoder: str) -> None:
    fitted = pair.new(pair.Settings(encoder=encoder))
    lines: list[tuple[Line, ...]] = [document(i).lines for i in range(3)]
    lines.insert(1, lines[0][:1])
    lines.append(())
    together = fitted.logits(lines)

    assert [x.shape for x in together] == [(11, 2), (0, 2), (11, 2), (11, 2), (0, 2)]
    for alone, of in zip(lines, together, strict=True):
        np.testing.assert_allclose(fitted.logits([alone])[0], of, atol=1e-5)


def test_the_condition_is_what_the_lines_alone_tell(encoder: str) -> None:
    some = [document(1).variant(variant).lines for variant in VARIANTS]
    raw = pair.new(pair.Settings(encoder=encoder)).raw(some)

    assert [one.condition for one in raw] == ["marked", "plain", "stripped"]
    assert [one.condition for one in raw] == [condition(lines) for lines in some]
    assert [len(one.logits) for one in raw] == [len(lines) - 1 for lines in some]


def test_a_pair_that_is_too_long_keeps_both_texts(encoder: str) -> None:
    long, short = "price " * 500, "data cookie"
    for separator in ("", "[SEP]"):
        fitted = pair.new(pair.Settings(encoder=encoder, max_length=20, separator=separator))
        for texts in ((long, short), (short, long), (long, long)):
            (encoded,) = fitted.encode([texts])
            assert len(encoded.ids) <= 20
            middle = encoded.tokens.index("[SEP]")
            assert 1 < middle < len(encoded.ids) - 2
            assert ("cookie" in encoded.tokens) == (short in texts)


def test_documents_without_pairs_are_one_clear_error(encoder: str, tmp_path: Path) -> None:
    value = [{"text": "One.", "section": ["A"]}, {"text": "Two.", "section": ["A"]}]
    flat: list[SectionedDocument] = [from_json(value, "d", "made")]

    with pytest.raises(DatakitError, match="and 0 of different topics"):
        pair.fit(
            flat, flat, pair.Settings(encoder=encoder), seed=0, checkpoint_dir=tmp_path,
            on_progress=lambda line: None,
        )  # fmt: skip


def test_a_checkpoint_of_others_is_read_as_a_pair_classifier(tmp_path: Path) -> None:
    import torch
    import transformers

    folder = tiny_encoder(tmp_path / "theirs", labels=2)
    lines = document(1).lines
    (found,) = load(folder).scored([lines])

    tokeniser = transformers.AutoTokenizer.from_pretrained(folder)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    text = f"{lines[0].text} [SEP] {lines[1].text}"
    with torch.inference_mode():
        ids = tokeniser(text, return_tensors="pt")["input_ids"]
        expected = network(input_ids=ids).logits.softmax(dim=1)[0, 0]
    assert found.p[0] == pytest.approx([float(expected)] * 2, abs=1e-5)
    assert found.thresholds == {"section": 0.5, "subsection": 0.5}
    assert load(folder).identity()["weights_sha256"]


def test_a_checkpoint_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatakitError, match="found BertModel with 2 labels, expected a model for"):
        load(tiny_encoder(tmp_path / "encoder"))
    with pytest.raises(DatakitError, match="with 3 labels"):
        load(tiny_encoder(tmp_path / "three", labels=3))


def test_a_checkpoint_with_pickled_weights_only_is_refused(tmp_path: Path) -> None:
    folder = tiny_encoder(tmp_path, labels=2)
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(DatakitError, match=r"no \.safetensors weights"):
        load(folder)

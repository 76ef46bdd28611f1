"""Sequence-to-sequence models and the generator that draws queries from them."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_t5 import CHINESE, ENGLISH, closing_t5, one_thread, tiny_t5

from datakit import registry, seq2seq
from datakit.errors import DatakitError, MissingDependency, PlanError
from datakit.generators.t5 import T5Queries, _distinct, filled, form_of
from datakit.records import Dropped, Passage, Query
from datakit.seq2seq import OWN_SETTINGS, Source, load_seq2seq
from datakit.seq2seq.decoding import Decoding, Output, _gumbel, _sampled


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_t5(tmp_path_factory.mktemp("t5")))


@pytest.fixture(scope="module")
def closing(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(closing_t5(tmp_path_factory.mktemp("closing")))


@pytest.fixture(autouse=True)
def _one_thread_and_no_model_kept() -> Iterator[None]:
    with one_thread():
        yield
    load_seq2seq.cache_clear()


def texts(n: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    english = [" ".join(draw.choices(ENGLISH.split(), k=draw.randint(1, 40))) for _ in range(n)]
    chinese = ["".join(draw.choices(CHINESE, k=draw.randint(1, 60))) for _ in range(n)]
    return [text for two in zip(english, chinese, strict=True) for text in two]


def passage(i: int, text: str, **fields: Any) -> Passage:
    language = "zh" if any("\u4e00" <= c <= "\u9fff" for c in text) else "en"
    return Passage(f"d{i}:0-{len(text)}", f"d{i}", text, 0, len(text), 0,
                   **{"language": language, **fields})  # fmt: skip


def queries(plugin: T5Queries, passages: list[Passage]) -> list[Query]:
    return [record for record in plugin(passages) if isinstance(record, Query)]


# --- decoding ------------------------------------------------------------------------------------


def test_greedy_outputs_are_those_of_transformers(closing: str) -> None:
    import torch

    model, read = load_seq2seq(closing), texts(15)
    ours = model.generate([Source(text, (0,)) for text in read], Decoding(16, beams=1))

    for text, outputs in zip(read, ours, strict=True):
        ids = model.tokeniser(text, return_tensors="pt")
        with torch.inference_mode():
            theirs = model.model.generate(
                input_ids=ids["input_ids"], attention_mask=ids["attention_mask"],
                max_new_tokens=16, do_sample=False,
            )  # fmt: skip
        plain = model.tokeniser.decode(theirs[0], skip_special_tokens=True)
        assert outputs[0].text == " ".join(plain.split())
        assert outputs[0].finished == (1 in theirs[0].tolist())
    assert len({outputs[0].text for outputs in ours}) > 1


@pytest.mark.parametrize("beams", [0, 1, 3])
def test_an_output_does_not_depend_on_its_neighbours(
    beams: int, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_seq2seq(closing)
    sources = [Source(text, (2 * i, 2 * i + 1)) for i, text in enumerate(texts(12))]
    decoding = Decoding(12, top_k=5, beams=beams)
    together = model.generate(sources, decoding)
    alone = [model.generate([source], decoding)[0] for source in sources]
    monkeypatch.setitem(seq2seq.TOKENS_A_BATCH, "cpu", 100)
    monkeypatch.setitem(seq2seq.OUTPUTS_A_BATCH, "cpu", 3)
    in_threes = model.generate(sources, decoding)

    for a, b, c in zip(together, alone, in_threes, strict=True):
        assert [one.text for one in a] == [one.text for one in b] == [one.text for one in c]
        assert [one.logprob for one in a] == pytest.approx([one.logprob for one in b], abs=1e-4)


@pytest.mark.parametrize("beams", [0, 1, 3])
def test_the_score_is_the_mean_log_probability_of_the_tokens(
    beams: int, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    model = load_seq2seq(closing)
    kept: list[list[int]] = []
    decode = model.tokeniser.batch_decode

    def keep(rows: list[list[int]], **settings: Any) -> Any:
        kept.extend(rows)
        return decode(rows, **settings)

    monkeypatch.setattr(model.tokeniser, "batch_decode", keep)
    text = "The seller bears the costs of return."
    (outputs,) = model.generate([Source(text, (1, 2))], Decoding(12, top_k=5, beams=beams))
    ids = model.tokeniser(text, return_tensors="pt")["input_ids"]
    for output, row in zip(outputs, kept, strict=True):
        tokens = row[1:] if beams > 1 else row  # transformers keeps the start
        end = tokens.index(1) + 1 if 1 in tokens else len(tokens)
        with torch.inference_mode():
            loss = model.model(input_ids=ids, labels=torch.tensor([tokens[:end]])).loss
        assert output.logprob == pytest.approx(-float(loss), abs=1e-4)


def test_tokens_are_drawn_with_their_probabilities() -> None:
    import torch

    logits = torch.tensor([[2.0, 1.0, 0.5, 0.0, -9.0]]).log_softmax(dim=1)
    n = 40_000
    seeds = torch.arange(n) * 0x5DEECE66D
    found = _sampled(logits.expand(n, -1), seeds, 3, Decoding(top_k=0, top_p=1.0))
    shares = found.bincount(minlength=5) / n

    assert shares.tolist() == pytest.approx(logits.exp()[0].tolist(), abs=0.01)


def test_top_k_and_top_p_cut_as_transformers_does() -> None:
    import torch
    from transformers import TopKLogitsWarper, TopPLogitsWarper

    torch.manual_seed(0)
    logits = torch.randn(50, 100) * 3
    cut = TopPLogitsWarper(0.8)(None, TopKLogitsWarper(10)(None, logits.clone()))
    allowed = cut.isfinite()
    drawn = torch.zeros_like(allowed)
    for seed in range(2000):
        seeds = torch.full((50,), seed * 7919)
        tokens = _sampled(logits, seeds, 0, Decoding(top_k=10, top_p=0.8))
        drawn[torch.arange(50), tokens] = True

    assert not (drawn & ~allowed).any()
    assert (drawn.sum() / allowed.sum()) > 0.95


def test_noise_hangs_on_seed_place_and_token_alone() -> None:
    import torch

    ids = torch.arange(1000).expand(2, -1)
    noise = _gumbel(torch.tensor([5, 6]), 0, ids)

    assert torch.equal(noise[:1], _gumbel(torch.tensor([5]), 0, ids[:1]))
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise, _gumbel(torch.tensor([5, 6]), 1, ids))
    assert float(noise.mean()) == pytest.approx(0.5772, abs=0.1)
    assert float(noise.var()) == pytest.approx(1.6449, abs=0.3)


def test_bfloat16_weights_give_outputs(folder: str) -> None:
    model = load_seq2seq(folder, dtype="bfloat16")
    outputs = model.generate([Source("The buyer may withdraw", (1, 2))], Decoding(8))

    assert len(outputs[0]) == 2
    assert all(one.logprob < 0 for one in outputs[0])


# --- memory --------------------------------------------------------------------------------------


@pytest.mark.parametrize("beams", [0, 3])
def test_a_batch_that_does_not_fit_is_halved_and_gives_the_same(
    beams: int, closing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    model = load_seq2seq(closing)
    sources = [Source(text, (i, i + 1000)) for i, text in enumerate(texts(10))]
    decoding = Decoding(8, top_k=5, beams=beams)
    whole = model.generate(sources, decoding)
    encoder, sizes = model.model.get_encoder(), []
    forward = type(encoder).forward

    def small(self: Any, *args: Any, **kwargs: Any) -> Any:
        hidden = kwargs.get("encoder_hidden_states")
        if self is model.model.get_decoder() and hidden is not None:
            sizes.append(len(hidden))
            if len(hidden) > 4:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(encoder), "forward", small)
    halved = model.generate(sources, decoding)

    assert [[one.text for one in of] for of in halved] == [[one.text for one in of] for of in whole]
    tries = [size for size in sizes if size > 4]
    assert tries == sorted(tries, reverse=True)
    assert len(tries) < 6


def test_a_text_that_does_not_fit_alone_is_one_clear_error(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    def full(*args: Any, **kwargs: Any) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    model = load_seq2seq(folder)
    monkeypatch.setattr(type(model.model), "forward", full)
    with pytest.raises(DatakitError, match="too small for a single text: lower max_source_tokens"):
        model.generate([Source(text, (0,)) for text in texts(4)], Decoding(4))


def test_any_other_error_is_raised(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("CUDA error: device-side assert triggered")

    model = load_seq2seq(folder)
    monkeypatch.setattr(type(model.model), "forward", broken)
    with pytest.raises(RuntimeError, match="device-side assert"):
        model.generate([Source(text, (0,)) for text in texts(4)], Decoding(4))


# --- loading -------------------------------------------------------------------------------------


def test_a_model_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(DatakitError, match="hf download doc2query/msmarco-14langs-mt5-base-v1"):
        list(T5Queries()([passage(0, ENGLISH)]))


def test_a_folder_that_is_no_model_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    with pytest.raises(DatakitError, match="does not load"):
        load_seq2seq(str(tmp_path))


def test_a_tokenizer_that_needs_sentencepiece_says_so(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    (tmp_path / "spiece.model").write_bytes(b"")
    with pytest.raises(MissingDependency, match=r"needs sentencepiece.*datakit\[seq2seq\]"):
        load_seq2seq(str(tmp_path))
    assert load_seq2seq(folder).family == "t5"


def test_other_encoder_decoders_work_too(folder: str, tmp_path: Path) -> None:
    from transformers import AutoTokenizer, BartConfig, BartForConditionalGeneration

    tokeniser = AutoTokenizer.from_pretrained(folder)
    config = BartConfig(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
        max_position_embeddings=99,
        vocab_size=len(tokeniser), pad_token_id=0, bos_token_id=1, eos_token_id=1,
        decoder_start_token_id=1, forced_bos_token_id=5, forced_eos_token_id=None,
    )  # fmt: skip
    BartForConditionalGeneration(config).save_pretrained(tmp_path)
    tokeniser.save_pretrained(tmp_path)
    model = load_seq2seq(str(tmp_path))
    ids = model.tokeniser("The fee", return_tensors="pt")
    theirs = model.model.generate(
        input_ids=ids["input_ids"], attention_mask=ids["attention_mask"], max_new_tokens=8,
        do_sample=False, num_beams=1, no_repeat_ngram_size=0,
    )  # fmt: skip
    (ours,) = model.generate([Source("The fee", (0,))], Decoding(8, beams=1))

    assert model.family == "bart"
    plain = model.tokeniser.decode(theirs[0], skip_special_tokens=True)
    assert ours[0].text == " ".join(plain.split())


# --- the generator -------------------------------------------------------------------------------

FAST = {"max_tokens": 24}


def test_queries_come_in_order_with_scores_and_seeds(closing: str) -> None:
    passages = [passage(i, text) for i, text in enumerate(texts(8))]
    made = queries(T5Queries(closing, **FAST), passages)
    order = [q.seed_passage_ids[0] for q in made]

    assert order == sorted(order, key=[p.passage_id for p in passages].index)
    assert {q.language for q in made} == {"en", "zh"}
    for q in made:
        assert (q.level, q.generator_family, q.pattern) == ("passage", "t5", "sample")
        assert q.text == q.text.strip()
        assert q.scores["seed_grade"] == 2
        assert q.scores["logprob"] < 0
        assert q.evidence == q.flags == ()


def test_every_output_of_a_passage_is_accounted_for(closing: str) -> None:
    passages = [passage(i, text) for i, text in enumerate(texts(8))]
    plugin = T5Queries(closing, queries_per_passage=12, **FAST)
    made = list(plugin(passages))
    asked: dict[str, float] = {}
    for record in made:
        if isinstance(record, Query):
            asked.setdefault(record.seed_passage_ids[0], 0)
            asked[record.seed_passage_ids[0]] += record.scores["times"]
            assert record.scores["asked"] == 12
    dropped = {record.record_id for record in made if isinstance(record, Dropped)}

    assert set(asked) | dropped == {p.passage_id for p in passages}
    assert not set(asked) & dropped
    assert all(0 < n <= 12 for n in asked.values())


def test_the_same_query_of_a_passage_is_kept_once() -> None:
    written = ["The fee?", "押金？", "the  fee", "fees", "?!", "押金", "the f"]
    outputs = [Output(text, -1.0, finished=text != "the f") for text in written]

    assert [[one.text for one in same] for same in _distinct(outputs)] == [
        ["The fee?", "the  fee"],
        ["押金？", "押金"],
        ["fees"],
    ]


def test_unfinished_outputs_are_dropped_with_the_reason(folder: str) -> None:
    (record,) = T5Queries(folder, max_tokens=1, top_k=25)([passage(0, "The fee")])

    assert isinstance(record, Dropped)
    assert record.reason == "no_query"
    assert record.detail == "of 3 outputs 3 unfinished after 1 tokens, 0 without a word"


def test_the_seed_changes_the_queries_and_nothing_else_does(closing: str) -> None:
    passages = [passage(i, text) for i, text in enumerate(texts(4))]
    first = [q.text for q in queries(T5Queries(closing, **FAST), passages)]

    assert [q.text for q in queries(T5Queries(closing, **FAST), passages[::-1])] != first
    assert sorted(q.text for q in queries(T5Queries(closing, **FAST), passages[::-1])) == sorted(
        first
    )
    assert [q.text for q in queries(T5Queries(closing, seed=14, **FAST), passages)] != first


def test_one_query_for_each_target_language(closing: str) -> None:
    plugin = T5Queries(
        closing, prompt="Ask in {language}: {title} {passage}",
        target_languages=("ja", "ko", "en"), **FAST,
    )  # fmt: skip
    made = queries(plugin, [passage(i, text, title="Terms") for i, text in enumerate(texts(4))])

    assert {q.language for q in made} == {"ja", "ko", "en"}
    for q in made:
        seed = q.seed_passage_ids[0]
        own = "en" if int(seed[1 : seed.index(":")]) % 2 == 0 else "zh"
        assert ("cross_lingual" in q.flags) == (q.language != own)
        assert q.scores["asked"] == 1
    assert len({q.query_id for q in made}) == len(made)


def test_the_template_is_filled_with_the_name_of_the_language() -> None:
    one = passage(0, "Two\nlines {title}", title="A {passage}")

    assert filled("Ask in {language}: {title} {passage}", one, "zh-Hant") == (
        "Ask in Chinese: A {passage} Two lines {title}"
    )
    assert filled("", passage(0, "No title"), None) == "No title"


def test_the_template_of_the_model_folder_is_used(closing: str) -> None:
    path = Path(closing) / OWN_SETTINGS
    one = passage(0, "The fee")
    plain = T5Queries(closing, **FAST)
    before, printed = queries(plain, [one]), plain.fingerprint()
    path.write_text(json.dumps({"prompt": "ask: {passage}"}), "utf-8")
    try:
        load_seq2seq.cache_clear()
        after = queries(plain, [one])
        assert [q.text for q in after] == [
            q.text for q in queries(T5Queries(closing, prompt="ask: {passage}", **FAST), [one])
        ]
        assert {q.generator_id for q in after} != {q.generator_id for q in before}
        assert plain.fingerprint()["prompt"] == "ask: {passage}" != printed["prompt"]
        path.write_text("[]", "utf-8")
        load_seq2seq.cache_clear()
        with pytest.raises(DatakitError, match="write the template in it"):
            queries(plain, [one])
    finally:
        path.unlink()


def test_only_the_wanted_languages_are_asked(closing: str) -> None:
    passages = [passage(i, text) for i, text in enumerate(texts(4))]
    made = list(T5Queries(closing, languages=("zh",), **FAST)(passages))

    assert {q.language for q in made if isinstance(q, Query)} == {"zh"}
    assert not any(isinstance(r, Dropped) and r.record_id in ("d0", "d2") for r in made)


@pytest.mark.parametrize(
    ("size", "number"), [(100, 50), (10_000, 25), (83_333, 4), (83_334, 3), (200_000, 3)]
)
def test_the_number_of_queries_follows_gpl(size: int, number: int) -> None:
    plugin = T5Queries(queries_per_passage="auto").for_corpus(size)
    counts = [plugin.wanted(passage(i, "x"))[0][1] for i in range(2000)]

    assert max(counts) == number
    drawn = sum(count > 0 for count in counts) / 2000
    assert drawn == pytest.approx(min(1, 83_334 / size), abs=0.04)


def test_a_corpus_of_its_own_is_counted(closing: str) -> None:
    plugin = T5Queries(closing, queries_per_passage="auto", max_tokens=24)
    made = queries(plugin, [passage(0, "The fee")])

    assert made[0].scores["asked"] == 50
    assert T5Queries().for_corpus(9) == T5Queries()


@pytest.mark.parametrize(
    ("text", "language", "form"),
    [
        ("what is a deposit", "en", "question"),
        ("Can I withdraw", "en-GB", "question"),
        ("deposit refund days", "en", "keyword"),
        ("whatsapp refund", "en", "keyword"),
        ("押金什么时候退", "zh", "question"),
        ("可以提前退租吗", "zh", "question"),
        ("押金 退还 期限", "zh", "keyword"),
        ("敷金は返金されますか？", "ja", "question"),
        ("敷金 返金", "ja", None),
    ],
)
def test_the_form_of_a_query(text: str, language: str, form: str | None) -> None:
    assert form_of(text, language) == form


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"queries_per_passage": 0}, "at least 1"),
        ({"top_p": 0.0}, "0 < top_p <= 1"),
        ({"temperature": 0.0}, "the most probable query is beams = 1"),
        ({"beams": 2}, "beams = 2 gives at most 2"),
        ({"beams": 4, "queries_per_passage": "auto"}, "and auto are wanted"),
        ({"prompt": "{passage.text}"}, "nothing else"),
        ({"prompt": "{passage} {0}"}, "nothing else"),
        ({"prompt": "{passage"}, "prompt: expected '}'"),
        ({"prompt": "ask"}, "prompt has no {passage}"),
        ({"target_languages": ["xx"]}, "'xx' is none of ar, bg"),
        ({"queries_per_passage": "many"}, "queries_per_passage"),
        ({"dtype": "float16"}, "dtype"),
    ],
)
def test_settings_that_cannot_be_are_one_clear_error(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(PlanError, match=words):
        registry.make("generators", "t5", settings)


# --- in a build ----------------------------------------------------------------------------------


def test_a_build_asks_in_one_process_and_keeps_what_is_done(closing: str, tmp_path: Path) -> None:
    from datakit import pipeline, plan
    from datakit.dataset import Dataset
    from datakit.sources import find

    use = {
        "use": "t5",
        "model": closing,
        "queries_per_passage": "auto",
        "max_tokens": 24,
    }
    text = " ".join(["The buyer may withdraw from the contract within fourteen days."] * 12)
    for i in range(3):
        (tmp_path / f"{i}.txt").write_text(f"Terms {i}\n\n{text}\n", "utf-8")
    dataset = Dataset.create(tmp_path / "out")
    build = pipeline.Build(
        dataset,
        plan.parse({"segment": {"use": "fixed_window"}, "generate": [use]}),
        find([tmp_path]),
        workers=2,
        show=False,
    )
    for stage in ("ingest", "segment", "generate"):
        outcomes = build.run(stage)
    made = list(dataset.read("query/t5"))
    again = build.run("generate")

    assert made
    assert {query.scores["asked"] for query in made} == {50}
    assert outcomes[0].counts["in"] == dataset.count("passage")
    assert again[0].skipped
    assert load_seq2seq.cache_info().currsize == 1  # the model was loaded here, not in a worker

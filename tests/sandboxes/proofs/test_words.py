from __future__ import annotations

import pytest

from assay_sandbox.proofs.words import refused_word

T = "theorem two : 1 + 1 = 2 := "


@pytest.mark.parametrize(
    "source",
    [
        T + "rfl",
        T + "by\n  -- sorry, this is simple\n  simp",
        T + "by /- sorry /- axiom -/ macro -/ norm_num",
        "/-- no `sorry` here -/\n" + T + "rfl",
        'theorem s : "sorry" = "sorry" := rfl\n' + T + "rfl",
        'theorem s : "a \\" axiom" = "b" := foo\n' + T + "rfl",
        "theorem not_sorry' (h' : x') : x' := h'\n" + T + "rfl",
        "set_option maxHeartbeats 400000 in\n" + T + "by omega",
        "@[simp] lemma a : 1 = 1 := rfl\nopen Finset in\n" + T + "by decide",
        "theorem i (s : Set α) : f '' s ⊆ g ⁻¹' t := h\n" + T + "rfl",
        T + "by simp [List.prefix_refl, (l).init, Fin.init_def, h.stop]",
        "theorem axiomatic : admitted := sorry_free",
        "theorem c : 'x' = 'x' := rfl\n" + T + "rfl",
    ],
)
def test_proofs_are_not_refused_for_what_they_talk_about(source: str) -> None:
    assert refused_word(source) == ""


@pytest.mark.parametrize(
    ("source", "word"),
    [
        (T + "sorry", "sorry"),
        (T + "by\n  admit", "admit"),
        (T + "by native_decide", "native_decide"),
        (T + "sorryAx _", "sorryAx"),
        (T + "«sorryAx» _ true", "sorryAx"),
        (T + "@_root_.sorryAx _", "_root_.sorryAx"),
        (T + "Foo.«sorryAx»", "Foo.sorryAx"),
        ("axiom x : False\n" + T + "x.elim", "axiom"),
        ("macro \"rfl\" : tactic => `(tactic| skip)\n" + T + "by rfl", "macro"),
        ("local notation \"2\" => 1 + 1\n" + T + "rfl", "notation"),
        ("infixl:65 \" + \" => f\n" + T + "rfl", "infixl"),
        ("#eval 1\n" + T + "rfl", "#eval"),
        ("#eval! 1\n" + T + "rfl", "#eval!"),
        ("run_cmd x\n" + T + "rfl", "run_cmd"),
        ("open Lean Elab in\n" + T + "rfl", "Lean"),
        (T + "Lean.ofReduceBool _ _ rfl", "Lean.ofReduceBool"),
        ("set_option debug.skipKernelTC true in\n" + T + "rfl", "set_option debug.skipKernelTC"),
        ("set_option pp.all false\n" + T + "rfl", "set_option pp.all"),
        ("attribute [-instance] x\n" + T + "rfl", "attribute"),
        ("@[implemented_by f] def g := 1\n" + T + "rfl", "implemented_by"),
        ("import Evil\n" + T + "rfl", "import"),
        ("/- -/ sorry /- -/" + T, "sorry"),
        ("/-/ sorry -/ -/" + T + "sorry", "sorry"),
        ('example : "a" = "b" := sorry -- "', "sorry"),
        ('example : "\\\\" = x := sorry\nexample : "y" = "y" := rfl', "sorry"),
        ("-- comment\rsorry\nsorry", "sorry"),
        ("/- never closed " + T + "rfl", "a comment that is never closed"),
        (T + '"never closed', "a text that is never closed"),
        (T + 's!"{sorry}"', "a text that may have code in it"),
        (T + 'r"\\" sorry "', "a raw text"),
        (T + 'r##"x"##', "a raw text"),
        ("theorem c : x '\"' sorry '\"' := rfl", "a quotation mark as a character"),
        ("theorem c : λ'\\\"' sorry '\\\"' := rfl", "a quotation mark as a character"),
        ("def c := 1'\"'", "a quotation mark as a character"),
    ],
)  # fmt: skip
def test_gaps_axioms_code_and_new_syntax_are_refused_through_tricks_too(source: str, word: str) -> None:
    assert refused_word(source) == word


@pytest.mark.parametrize(
    "part", ["/-", "-/", '"', "'", "«", "«a».", "a.", "--", "r#", "\\", "#", "x'", "!", "set_option "]
)
def test_reading_is_linear(part: str) -> None:
    refused_word(part * 100_000)
    refused_word(part * 100_000 + "\n" + T + "sorry")

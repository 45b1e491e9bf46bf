"""Compare the time of explanations with that of the forward and backward passes that they need at least.

    python -m benchmarks.limit --threads 2
    python -m benchmarks.limit --device cuda --tokens 32768 --texts 4096 512 --repeats 7

The bare passes are one forward pass and one backward pass to the word vectors, with frozen parameters, on tokenised
texts that are sorted by length, in padded batches with the token budget of the package. For leave-one-out and for the
removal curve of one order, they are the forward passes of a text and of all its masked copies, one text after the
other, without padding. For Shapley values, they are as many masked copies of one text as the package runs. The package
is measured from texts to explanations. Both run in turns in one process.

A ratio is the median over the rounds, with the minimum and the maximum. `processor` is the median ratio of processor
times, which other work on the machine disturbs less. `TFLOP/s` counts the matrix products of the encoder; beside it
stands their share of the rate at which this device multiplies large matrices of the same kind.
"""

import argparse
from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from benchmarks import workload
from hf_gradexplain.classifier.state import frozen_eval_mode
from hf_gradexplain.explainer import Explainer
from hf_gradexplain.explanation import Explanations
from hf_gradexplain.options import Options
from hf_gradexplain.perturb import removal_curves

WORKS = ("gradients", "copies", "shapley")
GRADIENT_METHODS = ("signed_gi", "sa_l1", "sa_l2", "sa_linf", "sa_raw")
FEW = {"ag_news": 4, "imdb": 1}
"""Number of texts of similar length for leave-one-out and curves, per 1,024 tokens of the budget."""

MIXED = {"ag_news": 16}
"""Number of texts of mixed length for the same."""


class Bare:
    """The minimum of forward and backward passes, written as plainly as possible."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, tokens: int, mixed: bool) -> None:
        self.model, self.tokenizer, self.tokens, self.mixed = model, tokenizer, tokens, mixed

    def batches(self, texts: list[str]) -> list[dict[str, Tensor]]:
        """Return the texts sorted by length, in padded batches within the budget."""
        rows: list[list[list[int]]] = []
        for ids in sorted(self.tokenizer(texts, truncation=True)["input_ids"], key=len):
            if not rows or len(ids) * (len(rows[-1]) + 1) > self.tokens:
                rows.append([])
            rows[-1].append(ids)
        device = self.model.device
        return [dict(self.tokenizer.pad({"input_ids": part}, return_tensors="pt").to(device)) for part in rows]

    def precision(self) -> torch.autocast | nullcontext:
        """Return the context of the forward passes."""
        return torch.autocast(self.model.device.type, torch.bfloat16) if self.mixed else nullcontext()

    def gradients(self, batches: list[dict[str, Tensor]]) -> None:
        """Run one forward and one backward pass over each batch."""
        for batch in batches:
            leaves: list[Tensor] = []

            def leaf(
                module: torch.nn.Module, args: tuple[Tensor], output: Tensor, leaves: list[Tensor] = leaves
            ) -> Tensor:
                leaves.append(output.detach().requires_grad_())
                return leaves[0]

            handle = self.model.get_input_embeddings().register_forward_hook(leaf)
            with self.precision():
                logits = self.model(**batch).logits
            handle.remove()
            loss = -logits.log_softmax(-1).amax(-1).sum()
            torch.autograd.grad(loss, leaves)[0].cpu()

    @torch.no_grad()
    def copies(self, rows: list[Tensor], number: int | None = None) -> None:
        """Run each text, and one masked copy of it per token except the two at its ends, or `number` such copies."""
        for ids in rows:
            mask = torch.ones_like(ids)
            with self.precision():
                self.model(input_ids=ids.unsqueeze(0), attention_mask=mask.unsqueeze(0)).logits.cpu()
            masked = torch.arange(number or len(ids) - 2, device=ids.device) % (len(ids) - 2) + 1
            for places in masked.split(max(1, self.tokens // len(ids))):

                def zeroed(module: torch.nn.Module, args: object, output: Tensor, places: Tensor = places) -> Tensor:
                    return output.index_put(
                        (torch.arange(len(places), device=places.device), places), output.new_zeros(())
                    )

                handle = self.model.get_input_embeddings().register_forward_hook(zeroed)
                with self.precision():
                    batch = {"input_ids": ids.expand(len(places), -1), "attention_mask": mask.expand(len(places), -1)}
                    self.model(**batch).logits.cpu()
                handle.remove()


def one_curve(explainer: Explainer, texts: list[str], options: Options) -> None:
    """Compute the removal curve of one order, including the plain forward pass and the explanation."""
    for scored in explainer.run(texts, options):
        units = scored.forward.batch.units
        ranks = torch.arange(units.size, device=units.count.device).expand(1, len(units.count), -1)
        with frozen_eval_mode(explainer.model):
            removal_curves(scored.forward, ranks).cpu()


def measure(kind: str, n: int, arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the rows of the table for texts of one kind."""
    model, texts = workload.bert(arguments.layers, arguments.dims, device=arguments.device), workload.texts(kind, n)
    frozen = workload.bert(arguments.layers, arguments.dims, device=arguments.device).requires_grad_(False)
    bare = Bare(frozen, workload.tokenizer(), arguments.tokens, arguments.precision == "bf16")
    explain = partial(
        Explainer(model, bare.tokenizer),
        batch_tokens=arguments.tokens,
        mixed_precision=arguments.precision,
        torch_compile=arguments.compile,
    )
    if "gradients" in arguments.works:
        yield from gradients(kind, texts, bare, explain, arguments)
    if "copies" in arguments.works:
        scale = max(1, arguments.tokens // 1024)
        similar = sorted(texts, key=len)[n // 2 :][: FEW[kind] * scale]
        mixed = texts[: MIXED.get(kind, 0) * scale]
        yield from copies(kind, similar, "", bare, explain, arguments)
        yield from copies(kind, mixed, ", mixed lengths", bare, explain, arguments)
    if "shapley" in arguments.works:
        yield from shapley(kind, sorted(texts, key=len)[n // 2], bare, explain, arguments)


def gradients(
    kind: str, texts: list[str], bare: Bare, explain: partial[Explanations], arguments: argparse.Namespace
) -> Iterator[str]:
    """Yield the rows of gradient methods."""
    batches = bare.batches(texts)
    works = [
        lambda: bare.gradients(batches),
        lambda: explain(texts, "signed_gi"),
        lambda: explain(texts, GRADIENT_METHODS),
        lambda: explain(texts, "attn_lrp"),
        lambda: explain(texts, (*GRADIENT_METHODS, "attn_lrp")),
    ]
    base, one, five, propagated, six = workload.in_turns(works, arguments.repeats, arguments.device)
    n, tokens = len(texts), sum(len(ids) for ids in bare.tokenizer(texts, truncation=True)["input_ids"])
    yield row(kind, n, "one gradient method", base, one, speed(arguments, tokens, 2, base))
    yield row(kind, n, "five gradient methods", base, five, "")
    yield row(kind, n, "five, relative to one", one, five, "")
    yield row(kind, n, "attn_lrp", base, propagated, "")
    yield row(kind, n, "five and attn_lrp, relative to five", five, six, "")


def copies(
    kind: str,
    texts: list[str],
    which: str,
    bare: Bare,
    explain: partial[Explanations],
    arguments: argparse.Namespace,
) -> Iterator[str]:
    """Yield the rows of leave-one-out and of a removal curve, if there are any texts."""
    if not texts:
        return
    rows = [torch.tensor(ids, device=arguments.device) for ids in bare.tokenizer(texts, truncation=True)["input_ids"]]
    options = Options("random", "token", **explain.keywords)
    works = [
        lambda: bare.copies(rows),
        lambda: explain(texts, "loo", "token"),
        lambda: one_curve(explain.func, texts, options),
    ]
    base, loo, curve = workload.in_turns(works, arguments.repeats, arguments.device)
    rate = speed(arguments, sum(len(ids) * (len(ids) - 1) for ids in rows), 1, base)
    yield row(kind, len(texts), f"leave-one-out{which}", base, loo, rate)
    yield row(kind, len(texts), f"removal curve{which}", base, curve, "")


def shapley(
    kind: str, text: str, bare: Bare, explain: partial[Explanations], arguments: argparse.Namespace
) -> Iterator[str]:
    """Yield the row of Shapley values of a text, with all masked copies of the budget."""
    explain = partial(explain, methods="shapley", unit="token", max_evals=arguments.max_evals, max_error=0)
    (ids,) = [torch.tensor(ids, device=arguments.device) for ids in bare.tokenizer([text])["input_ids"]]
    copies = explain([text])[0].sampling["shapley"].copies
    works = [lambda: bare.copies([ids], copies), lambda: explain([text])]
    base, times = workload.in_turns(works, arguments.repeats, arguments.device)
    yield row(kind, 1, f"shapley, {copies:,} copies", base, times, speed(arguments, len(ids) * (copies + 1), 1, base))


def speed(arguments: argparse.Namespace, tokens: int, passes: int, times: list[workload.Seconds]) -> str:
    """Return the rate of the bare passes; a backward pass to the inputs costs as much as a forward pass."""
    products = 2 * 12 * arguments.layers * arguments.dims**2 * tokens * passes
    rate = products / workload.wall(times) / 1e12
    return f"{rate:.2f} ({rate / arguments.peak:.0%})"


def row(kind: str, n: int, work: str, base: list[workload.Seconds], times: list[workload.Seconds], rate: str) -> str:
    """Return one row of the table."""
    cells = (
        kind,
        f"{n:,}",
        work,
        f"{1e3 * workload.wall(base):.1f}",
        f"{1e3 * workload.wall(times):.1f}",
        *workload.ratios(times, base),
        rate,
    )
    return f"| {' | '.join(cells)} |"


def peak(device: str, dtype: torch.dtype) -> float:
    """Return the rate at which the device multiplies large matrices, in TFLOP/s."""
    n = 8192 if device == "cuda" else 1024
    a = torch.randn(n, n, device=device, dtype=dtype)
    (times,) = workload.in_turns([lambda: a @ a], 5, device)
    return 2 * n**3 / workload.wall(times) / 1e12


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--precision", default="no", choices=["no", "bf16"])
    parser.add_argument("--compile", action="store_true", help="compile the package's layers, not the bare ones")
    parser.add_argument("--tokens", type=int, default=1024, help="tokens in one forward pass")
    parser.add_argument("--texts", type=int, nargs=2, default=[96, 24], metavar=("AG_NEWS", "IMDB"), help="0 for none")
    parser.add_argument("--works", nargs="+", default=list(WORKS), choices=WORKS)
    parser.add_argument("--max_evals", type=int, default=2000, help="masked copies of a text for shapley")
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--dims", type=int, default=384)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    arguments.peak = peak(arguments.device, torch.bfloat16 if arguments.precision == "bf16" else torch.float32)
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else f"CPU, {arguments.threads} threads"
    print(
        f"{name}; precision {arguments.precision}; {arguments.tokens:,} tokens a batch; {arguments.peak:.2f} TFLOP/s\n"
    )
    print(
        "| texts like | number | work | bare, ms | package, ms | ratio | processor | TFLOP/s |\n"
        "|---|---:|---|---:|---:|---|---:|---|"
    )
    for kind, n in zip(workload.LENGTHS, arguments.texts, strict=True):
        for line in measure(kind, n, arguments) if n else ():
            print(line, flush=True)


if __name__ == "__main__":
    main()

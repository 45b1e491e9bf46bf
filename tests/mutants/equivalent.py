"""Mutants that change nothing that anyone could observe, each with its reason."""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "hf_gradexplain/audit/compare/drift.py",
        "if m < 2:",
        "if (m <= 2):",
    ): "a single reference is refused before, so m is 1 or at least 3",
    (
        "hf_gradexplain/audit/compare/drift.py",
        "if m < 2:",
        "if m < (3):",
    ): "a single reference is refused before, so m is 1 or at least 3",
    (
        "hf_gradexplain/run/shard_queue.py",
        "atomic_write_text(self.path, json.dumps(asdict(totals)), sync=False)  # no later run reads it",
        "atomic_write_text(self.path, json.dumps(asdict(totals)), sync=True)  # no later run reads it",
    ): "written through to the disk, the file says the same",
    (
        "hf_gradexplain/text/character_alignment.py",
        "blocks = [block for block in matcher.get_matching_blocks() if block.size and max(block.a, block.b) < reach]",
        "blocks = [block for block in matcher.get_matching_blocks() if block.size and "
        "(max(block.a, block.b) <= reach)]",
    ): "a block that begins right at the border is found by this window or by the next one",
    (
        "hf_gradexplain/models/bilstm/modeling_bilstm.py",
        "packed = pack_padded_sequence(words, lengths.cpu(), enforce_sorted=False)",
        "packed = pack_padded_sequence(words, lengths, enforce_sorted=False)",
    ): "on a CPU the lengths are there already; the tests that need a GPU notice it",
    (
        "hf_gradexplain/run/finished_files.py",
        "names = sorted({path.relative_to(output_dir).as_posix() for path in _finished(output_dir)})",
        "names = sorted({path.relative_to(output_dir) for path in _finished(output_dir)})",
    ): "on the systems that run the tests, a path is written with slashes anyway",
    (
        "hf_gradexplain/probing/doctor.py",
        "if rounding > _GRADIENT_TOLERANCE:",
        "if (rounding >= _GRADIENT_TOLERANCE):",
    ): "a rounding error is never exactly the tolerance",
    (
        "hf_gradexplain/classifier/limits.py",
        "limits = [int(tokenizer.model_max_length)] if tokenizer.model_max_length < _NO_LIMIT else []",
        "limits = [int(tokenizer.model_max_length)] if (tokenizer.model_max_length <= _NO_LIMIT) else []",
    ): "a limit of exactly 1,000,000,000 tokens limits no text",
    (
        "hf_gradexplain/classifier/state.py",
        "if len(current) != len(saved) or not all(map(is_, current.values(), saved.values())):",
        "if len(current) != len(saved) or not all(map(is_, current.values(), saved)):",
    ): "what has not changed is restored as well, to the same values",
    (
        "hf_gradexplain/evaluation/ground_truth.py",
        "return (bool(supports[ranks == 0].any()), float(supports[ranks < m].mean())) if m else None",
        "return (bool(supports[ranks == 0]), float(supports[ranks < m].mean())) if m else None",
    ): "one unit has rank 0, and the truth of an array of one value is that of its value",
    (
        "hf_gradexplain/text/data.py",
        "starts = np.flatnonzero(np.diff(self.sequence_of, prepend=-1)).tolist()",
        "starts = np.flatnonzero(np.diff(self.sequence_of, prepend=-(2))).tolist()",
    ): "any number that is not the first sequence's, which is 0, begins it at the first token",
    (
        "hf_gradexplain/probing/padding.py",
        "self._tried[trial] = self._error(classifier, longest) <= self.profile.tolerance",
        "self._tried[trial] = (self._error(classifier, longest) < self.profile.tolerance)",
    ): "a rounding error is never exactly the tolerance",
    (
        "hf_gradexplain/loading/embedding_classifier.py",
        "sample = np.random.default_rng(0).normal(size=(8, layer.in_features))",
        "sample = np.random.default_rng((1)).normal(size=(8, layer.in_features))",
    ): "any eight random embeddings show whether a linear layer gives the probabilities of a head",
    (
        "hf_gradexplain/run/estimate.py",
        "while group.stop < len(rows) and total < SECONDS:",
        "while group.stop < len(rows) and (total <= SECONDS):",
    ): "a measured time is never exactly ten seconds",
    (
        "hf_gradexplain/evaluation/documents.py",
        "_AT_A_TIME = 64",
        "_AT_A_TIME = (65)",
    ): "how many documents are read at a time changes no document",
    (
        "hf_gradexplain/commands/parsing.py",
        "return str",
        "return None",
    ): "argparse takes the text as it is if it is given no type",
    (
        "hf_gradexplain/probing/prefix_check.py",
        "if largest(errors) > _NOT_ROUNDING:",
        "if (largest(errors) >= _NOT_ROUNDING):",
    ): "an error is never exactly the limit",
    (
        "hf_gradexplain/text/chat_tokens.py",
        "total = 0",
        "total = (1)",
    ): "the numbers of messages are only compared with each other",
    (
        "hf_gradexplain/text/joined.py",
        "kinds, lengths = _types(document, unknown) if types else at, np.diff(document.occurrences.spans)[:, "
        "0].tolist()",
        "kinds, lengths = _types(document, unknown) if types else at, np.diff(document.occurrences.spans)[:, 0]",
    ): "the lengths are only compared and added, and NumPy does both with its own numbers",
    (
        "hf_gradexplain/text/joined.py",
        "spans = np.array([(place[0], place[0] + longest[place].length) for place in order], dtype=int).reshape(-1, 2)",
        "spans = np.array([(place[0], place[0] + longest[place].length) for place in order], "
        "dtype=int).reshape(-(2), 2)",
    ): "NumPy takes any negative size for the one that it computes",
    (
        "hf_gradexplain/text/joined.py",
        "row_of[inside] = numbers.reshape(-1)",
        "row_of[inside] = numbers.reshape(-(2))",
    ): "NumPy takes any negative size for the one that it computes",
    (
        "hf_gradexplain/text/joined.py",
        "for start, end in spans.tolist():",
        "for start, end in spans:",
    ): "the offsets are only compared and added",
    (
        "hf_gradexplain/text/joined.py",
        "counts[place] += 1",
        "counts[place] += (2)",
    ): "the numbers only have to be different and ascending",
    (
        "hf_gradexplain/text/joined.py",
        'for unit, token in zip(document.unit_of.tolist(), document.inputs["input_ids"].tolist(), strict=True):',
        'for unit, token in zip(document.unit_of, document.inputs["input_ids"].tolist(), strict=True):',
    ): "a number of NumPy is an index of a list, too",
    (
        "hf_gradexplain/text/joined.py",
        'for unit, token in zip(document.unit_of.tolist(), document.inputs["input_ids"].tolist(), strict=True):',
        "for unit, token in zip(document.unit_of.tolist(), document.inputs['input_ids'], strict=True):",
    ): "a number of NumPy is equal to that of Python, and has the same hash",
    (
        "hf_gradexplain/text/joined.py",
        "spans = document.occurrences.spans.tolist()",
        "spans = document.occurrences.spans",
    ): "a slice of a string takes numbers of NumPy",
    (
        "hf_gradexplain/text/unit.py",
        "firsts = spans[np.cumsum(counts) - counts].tolist()",
        "firsts = spans[np.cumsum(counts) - counts]",
    ): "a slice of a string takes numbers of NumPy",
    (
        "hf_gradexplain/text/unit.py",
        "places, ends = list(map(tuple, spans.tolist())), np.cumsum([0, *counts.tolist()]).tolist()",
        "places, ends = list(map(tuple, spans.tolist())), np.cumsum([0, *counts.tolist()])",
    ): "a slice of a list takes numbers of NumPy",
    (
        "hf_gradexplain/text/unit.py",
        "places, ends = list(map(tuple, spans.tolist())), np.cumsum([0, *counts.tolist()]).tolist()",
        "places, ends = list(map(tuple, spans.tolist())), np.cumsum([0, *counts]).tolist()",
    ): "the sums are the same",
    (
        "hf_gradexplain/text/unit_index.py",
        "sums = x.new_zeros(len(x), self.size + 1, *x.shape[2:]).scatter_add(1, index, x)[:, : self.size]",
        "sums = x.new_zeros(len(x), self.size + (2), *x.shape[2:]).scatter_add(1, index, x)[:, : self.size]",
    ): "what lies behind the last unit is cut off",
    (
        "hf_gradexplain/text/unit_index.py",
        "units = x.new_zeros(len(x), self.size + 1)",
        "units = x.new_zeros(len(x), self.size + (2))",
    ): "what lies behind the last unit is cut off",
    (
        "hf_gradexplain/text/unit_index.py",
        "no_unit = chosen.new_zeros(len(chosen), 1)",
        "no_unit = chosen.new_zeros(len(chosen), (2))",
    ): "no token has the number of the second added column",
    (
        "hf_gradexplain/statistics/ragged_array.py",
        "real = _real(self.lengths, self.lengths.max(initial=0))",
        "real = _real(self.lengths, self.lengths.max(initial=(1)))",
    ): "only without rows the longest has another length, and then no value is sorted",
}
"""By path below the repository, the line without its indentation, and the mutated line: the reason.

A mutant in this list is left out of the sample. Look at the line before you add one: most survivors show a missing
test.
"""

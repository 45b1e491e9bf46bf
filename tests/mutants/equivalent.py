"""Mutants that change nothing that anyone could observe, each with its reason."""

EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "hf_gradexplain/viz/pieces.py",
        "for (start, end), owner in zip(pairwise([0, *pieces.ends.tolist()]), pieces.owners.tolist(), strict=True):",
        "for (start, end), owner in zip(pairwise([0, *pieces.ends]), pieces.owners.tolist(), strict=True):",
    ): "integers of NumPy end in the same arrays",
    (
        "hf_gradexplain/viz/pieces.py",
        "for (start, end), owner in zip(pairwise([0, *pieces.ends.tolist()]), pieces.owners.tolist(), strict=True):",
        "for (start, end), owner in zip(pairwise([0, *pieces.ends.tolist()]), pieces.owners, strict=True):",
    ): "integers of NumPy end in the same arrays",
    (
        "hf_gradexplain/viz/pieces.py",
        "if (spans[:, 0] < before).any() or (spans[-1:, 1] > len(text)).any():",
        "if (spans[:, 0] < before).any() or (spans[-(2):, 1] > len(text)).any():",
    ): "if the last span but one ends beyond the text, then so does the last one, or they overlap",
    (
        "hf_gradexplain/viz/pieces.py",
        "if (spans[:, 0] < before).any() or (spans[-1:, 1] > len(text)).any():",
        "if ((spans[:, 0] <= before)).any() or (spans[-1:, 1] > len(text)).any():",
    ): "spans that do not overlap are cut into the same pieces by the loop, only more slowly",
    (
        "hf_gradexplain/viz/pieces.py",
        "if (spans[:, 0] < before).any() or (spans[-1:, 1] > len(text)).any():",
        "if (spans[:, 0] < before).any() or ((spans[-1:, 1] >= len(text))).any():",
    ): "spans that end within the text are cut into the same pieces by the loop, only more slowly",
    (
        "hf_gradexplain/viz/pieces.py",
        "spans = np.concatenate([spans, np.array(unread, dtype=int).reshape(-1, 2)])",
        "spans = np.concatenate([spans, np.array(unread, dtype=int).reshape(-(2), 2)])",
    ): "NumPy infers any negative length",
    (
        "hf_gradexplain/viz/pieces.py",
        "for (start, end), owner in zip(pairwise([0, *self.ends.tolist()]), self.owners.tolist(), strict=True):",
        "for (start, end), owner in zip(pairwise([0, *self.ends]), self.owners.tolist(), strict=True):",
    ): "texts are sliced in the same way by integers of NumPy",
    (
        "hf_gradexplain/explanation/arrow_columns.py",
        "for start, end in pairwise(column.offsets.to_numpy().tolist())",
        "for start, end in pairwise(column.offsets.tolist())",
    ): "arrays of Arrow have the method tolist, too",
    (
        "hf_gradexplain/explanation/arrow_columns.py",
        "for start, end in pairwise(column.offsets.to_numpy().tolist())",
        "for start, end in pairwise(column.offsets.to_numpy())",
    ): "lists are sliced in the same way by integers of NumPy",
    (
        "hf_gradexplain/run/runner.py",
        "time.sleep(_POLL_SECONDS)",
        "pass",
    ): "without a pause, the main process waits just as long, and only looks more often",
    (
        "hf_gradexplain/explanation/arrow_columns.py",
        "values, ends = column.values.to_numpy(zero_copy_only=False), column.offsets.to_numpy().tolist()",
        "values, ends = column.values.to_numpy(zero_copy_only=False), column.offsets.tolist()",
    ): "arrays of Arrow have the method tolist, too",
    (
        "hf_gradexplain/audit/plausibility/hybrid.py",
        "_SENTENCES, _TIES = 2018, 2019",
        "_SENTENCES, _TIES = (2019), 2019",
    ): "any other number gives draws that are as random",
    (
        "hf_gradexplain/audit/plausibility/hybrid.py",
        "_SENTENCES, _TIES = 2018, 2019",
        "_SENTENCES, _TIES = 2018, (2020)",
    ): "any other number gives draws that are as random",
    (
        "hf_gradexplain/audit/plausibility/plausibility.py",
        "_PURPOSE = 2020",
        "_PURPOSE = (2021)",
    ): "any other number gives draws that are as random",
    (
        "hf_gradexplain/audit/suspicious/candidates.py",
        "_CONTROL = 2",
        "_CONTROL = (3)",
    ): "any other number gives draws that are as random",
    (
        "hf_gradexplain/audit/suspicious/insertion.py",
        "CHUNK = 2048",
        "CHUNK = (2049)",
    ): "how many copies are made at a time changes no result",
    (
        "hf_gradexplain/audit/suspicious/insertion_places.py",
        "_PLACE, _TEXT = 1, 3",
        "_PLACE, _TEXT = (2), 3",
    ): "any other number gives draws that are as random",
    (
        "hf_gradexplain/audit/suspicious/insertion_places.py",
        "_PLACE, _TEXT = 1, 3",
        "_PLACE, _TEXT = 1, (4)",
    ): "any other number gives draws that are as random",
    (
        "hf_gradexplain/audit/words/word_tests.py",
        "BISECTIONS = 50",
        "BISECTIONS = (51)",
    ): "50 steps find the place up to the rounding of a double already",
    (
        "hf_gradexplain/corpus/json_depth.py",
        "_CHUNK = 2**24",
        "_CHUNK = (3)**24",
    ): "how many bytes are read at a time changes no depth",
    (
        "hf_gradexplain/corpus/json_depth.py",
        "_CHUNK = 2**24",
        "_CHUNK = 2**(25)",
    ): "how many bytes are read at a time changes no depth",
    (
        "hf_gradexplain/corpus/json_depth.py",
        "_CHUNK = 2**24",
        "_CHUNK = (2 * 24)",
    ): "how many bytes are read at a time changes no depth",
    (
        "hf_gradexplain/evaluation/read_documents.py",
        "BLOCK = 256",
        "BLOCK = (257)",
    ): "how many documents are read at a time changes no result",
    (
        "hf_gradexplain/evaluation/report.py",
        "FILE_BYTES = 24_000_000",
        "FILE_BYTES = (24000001)",
    ): "the number is approximate: a document is never split",
    (
        "hf_gradexplain/run/folder.py",
        "_LOCK_TIMEOUT = 3",
        "_LOCK_TIMEOUT = (4)",
    ): "both are longer than the second that a process needs to end",
    (
        "hf_gradexplain/run/heartbeat.py",
        "_BEAT_SECONDS = 5.0",
        "_BEAT_SECONDS = (6.0)",
    ): "a heart that beats a little more slowly is still alive to the others",
    (
        "hf_gradexplain/run/runner.py",
        "_POLL_SECONDS = 0.05",
        "_POLL_SECONDS = (1.05)",
    ): "how often to look changes when the end is seen, and no result",
    (
        "hf_gradexplain/run/shards.py",
        "_ROWS_PER_READ = 1000",
        "_ROWS_PER_READ = (1001)",
    ): "how many rows are read at a time changes no row",
    (
        "hf_gradexplain/training/small_transformer.py",
        "set_seed(0)",
        "set_seed((1))",
    ): "any fixed seed gives equal models for equal texts",
    (
        "hf_gradexplain/training/small_transformer.py",
        "model = BertForSequenceClassification(config).train()",
        "model = BertForSequenceClassification(config)",
    ): "a new model is in training mode",
    (
        "hf_gradexplain/audit/words/sums.py",
        "ROWS = 4096",
        "ROWS = (4097)",
    ): "how many pairs are summed in one pass changes no sum",
    (
        "hf_gradexplain/viz/report_documents.py",
        "block = b64encode(gzip.compress(f\"[{','.join(self._block)}]\".encode(), GZIP_LEVEL, mtime=0)).decode()",
        "block = b64encode(gzip.compress(f\"[{','.join(self._block)}]\".encode(), GZIP_LEVEL, mtime=(1))).decode()",
    ): "any fixed time makes equal documents equal bytes",
    (
        "hf_gradexplain/viz/report_documents.py",
        "return b64encode(gzip.compress(content.encode(), GZIP_LEVEL, mtime=0)).decode()",
        "return b64encode(gzip.compress(content.encode(), GZIP_LEVEL, mtime=(1))).decode()",
    ): "any fixed time makes equal values equal bytes",
    (
        "hf_gradexplain/viz/report_documents.py",
        "GZIP_LEVEL = 5",
        "GZIP_LEVEL = (6)",
    ): "the level changes the size of a page a little, and nothing that it shows",
    (
        "hf_gradexplain/viz/report_documents.py",
        "BLOCK_BYTES = 100_000",
        "BLOCK_BYTES = (100001)",
    ): "where blocks end changes nothing that a page shows",
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
        "places, ends = list(map(tuple, self.spans.tolist())), np.cumsum([0, *self.counts.tolist()]).tolist()",
        "places, ends = list(map(tuple, self.spans.tolist())), np.cumsum([0, *self.counts.tolist()])",
    ): "a slice of a list takes numbers of NumPy",
    (
        "hf_gradexplain/text/unit.py",
        "places, ends = list(map(tuple, self.spans.tolist())), np.cumsum([0, *self.counts.tolist()]).tolist()",
        "places, ends = list(map(tuple, self.spans.tolist())), np.cumsum([0, *self.counts]).tolist()",
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
    (
        "hf_gradexplain/attribution/baseline.py",
        "_CHUNK = 64",
        "_CHUNK = (65)",
    ): "how many ids stand in a row changes no vector",
    (
        "hf_gradexplain/attribution/gradients.py",
        "TOGETHER = 100",
        "TOGETHER = (101)",
    ): "up to where one pass is faster was measured, not more exactly than this",
    (
        "hf_gradexplain/attribution/gradients.py",
        "CLASSES_TOGETHER = 16",
        "CLASSES_TOGETHER = (17)",
    ): "how many classes share a pass changes no gradient",
    (
        "hf_gradexplain/attribution/kinks.py",
        "_GRID = 20",
        "_GRID = (21)",
    ): "any number of parts that is large enough would do",
    (
        "hf_gradexplain/attribution/kinks.py",
        "_HALVINGS = 12",
        "_HALVINGS = (13)",
    ): "one more halving moves a kink by 1/80,000 of the line",
    (
        "hf_gradexplain/attribution/kinks.py",
        "_MOST = 40",
        "_MOST = (41)",
    ): "any limit far above the number of real kinks would do",
    (
        "hf_gradexplain/attribution/kinks.py",
        "_ANY = -1",
        "_ANY = -(2)",
    ): "any number that is no window would do",
    (
        "hf_gradexplain/attribution/masking/game.py",
        "_HELD = 2**24",
        "_HELD = (2 * 24)",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/attribution/masking/game.py",
        "_HELD = 2**24",
        "_HELD = (3)**24",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/attribution/masking/game.py",
        "_HELD = 2**24",
        "_HELD = 2**(25)",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/attribution/masking/surrogate.py",
        "LEAST_DRAWS = 8",
        "LEAST_DRAWS = (9)",
    ): "one draw more or less is as good a start",
    (
        "hf_gradexplain/attribution/masking/surrogate.py",
        "MOST_SETS = 1000",
        "MOST_SETS = (1001)",
    ): "one set more or less is as good a limit of the time",
    (
        "hf_gradexplain/attribution/occlusion.py",
        "_HELD = 2**24",
        "_HELD = (2 * 24)",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/attribution/occlusion.py",
        "_HELD = 2**24",
        "_HELD = (3)**24",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/attribution/occlusion.py",
        "_HELD = 2**24",
        "_HELD = 2**(25)",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/attribution/prepare.py",
        'BATCH_TOKENS = {"cpu": 1024, "cuda": 32768}',
        'BATCH_TOKENS = {"cpu": (1025), "cuda": 32768}',
    ): "one token more or less in a batch is no difference that anyone measures",
    (
        "hf_gradexplain/attribution/prepare.py",
        'BATCH_TOKENS = {"cpu": 1024, "cuda": 32768}',
        'BATCH_TOKENS = {"cpu": 1024, "cuda": (32769)}',
    ): "one token more or less in a batch is no difference that anyone measures",
    (
        "hf_gradexplain/classifier/copies.py",
        "_HELD = 2**24",
        "_HELD = (2 * 24)",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/classifier/copies.py",
        "_HELD = 2**24",
        "_HELD = (3)**24",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/classifier/copies.py",
        "_HELD = 2**24",
        "_HELD = 2**(25)",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/classifier/memory.py",
        "_PADDING = 1 / 16",
        "_PADDING = 1 / (17)",
    ): "a share of padding of 1/17 is as good a limit",
    (
        "hf_gradexplain/classifier/state.py",
        "UNUSED_PAD_ID = -1",
        "UNUSED_PAD_ID = -(2)",
    ): "any number that is no token would do",
    (
        "hf_gradexplain/engine/memory.py",
        "LONG = 100_000",
        "LONG = (100001)",
    ): "one character more or less makes no text long",
    (
        "hf_gradexplain/engine/memory.py",
        "_COPIES = {True: 8, False: 2}",
        "_COPIES = {True: (9), False: 2}",
    ): "a rough number of copies, which only has to be large enough",
    (
        "hf_gradexplain/engine/memory.py",
        "_COPIES = {True: 8, False: 2}",
        "_COPIES = {True: 8, False: (3)}",
    ): "a rough number of copies, which only has to be large enough",
    (
        "hf_gradexplain/engine/stream.py",
        "BATCHES = 16",
        "BATCHES = (17)",
    ): "how many batches are read ahead changes no explanation",
    (
        "hf_gradexplain/engine/stream.py",
        "_CHARACTERS = 4",
        "_CHARACTERS = (5)",
    ): "a rough number of characters per token, for the size of a chunk",
    (
        "hf_gradexplain/interactions/find.py",
        "_LONGEST = 20",
        "_LONGEST = (21)",
    ): "one unit more or less is as good a limit for writing a number out",
    (
        "hf_gradexplain/loading/weights.py",
        "_CHUNK = 2**24",
        "_CHUNK = (2 * 24)",
    ): "how many weights are checked at a time changes no result",
    (
        "hf_gradexplain/loading/weights.py",
        "_CHUNK = 2**24",
        "_CHUNK = (3)**24",
    ): "how many weights are checked at a time changes no result",
    (
        "hf_gradexplain/loading/weights.py",
        "_CHUNK = 2**24",
        "_CHUNK = 2**(25)",
    ): "how many weights are checked at a time changes no result",
    (
        "hf_gradexplain/metrics/loo_correlation.py",
        "_TIED = 64 * np.finfo(np.float32).eps",
        "_TIED = (65) * np.finfo(np.float32).eps",
    ): "one rounding error more or less is as good a limit",
    (
        "hf_gradexplain/perturb/bilstm.py",
        "_STEPS_AT_ONCE = 64",
        "_STEPS_AT_ONCE = (65)",
    ): "how many steps run at once changes no number",
    (
        "hf_gradexplain/perturb/cells.py",
        "_COPIES_AT_ONCE = 256",
        "_COPIES_AT_ONCE = (257)",
    ): "how many copies run at once changes no number",
    (
        "hf_gradexplain/perturb/cells.py",
        "block = 16",
        "block = (17)",
    ): "how many copies run at once changes no number",
    (
        "hf_gradexplain/perturb/masked_sequences.py",
        "_HELD = 2**24",
        "_HELD = (2 * 24)",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/perturb/masked_sequences.py",
        "_HELD = 2**24",
        "_HELD = (3)**24",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/perturb/masked_sequences.py",
        "_HELD = 2**24",
        "_HELD = 2**(25)",
    ): "how much is held at a time changes no number",
    (
        "hf_gradexplain/perturb/orders.py",
        "_TIED = 64",
        "_TIED = (65)",
    ): "one rounding error more or less is as good a limit",
    (
        "hf_gradexplain/perturb/shared_prefix.py",
        '_CALL = {"cpu": 1e7, "cuda": 3e8}',
        '_CALL = {"cpu": (10000001.0), "cuda": 3e8}',
    ): "what a call costs was measured, not to eight digits",
    (
        "hf_gradexplain/perturb/shared_prefix.py",
        '_CALL = {"cpu": 1e7, "cuda": 3e8}',
        '_CALL = {"cpu": 1e7, "cuda": (300000001.0)}',
    ): "what a call costs was measured, not to eight digits",
    (
        "hf_gradexplain/perturb/shared_prefix.py",
        "_COPIED = 1 / 32",
        "_COPIED = 1 / (33)",
    ): "the share was measured, not more exactly than this",
    (
        "hf_gradexplain/perturb/shared_prefix.py",
        "_HELD = 1 / 4",
        "_HELD = 1 / (5)",
    ): "the share of the memory is a rough limit",
    (
        "hf_gradexplain/perturb/shortcuts.py",
        "batch_tokens=8192,",
        "batch_tokens=(8193),",
    ): "one token more or less in a batch is no difference that anyone measures",
    (
        "hf_gradexplain/probing/compiled.py",
        "_LENGTHS = (5, 9)",
        "_LENGTHS = ((6), 9)",
    ): "any two different lengths would do",
    (
        "hf_gradexplain/probing/compiled.py",
        "_LENGTHS = (5, 9)",
        "_LENGTHS = (5, (10))",
    ): "any two different lengths would do",
    (
        "hf_gradexplain/probing/doctor.py",
        "_LONGEST = 1024",
        "_LONGEST = (1025)",
    ): "one token more or less is as good a limit",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "LENGTHS = (10, 11, 12, 13, 30, 45)",
        "LENGTHS = ((11), 11, 12, 13, 30, 45)",
    ): "any mixture of similar and different lengths would do",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "LENGTHS = (10, 11, 12, 13, 30, 45)",
        "LENGTHS = (10, (12), 12, 13, 30, 45)",
    ): "any mixture of similar and different lengths would do",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "LENGTHS = (10, 11, 12, 13, 30, 45)",
        "LENGTHS = (10, 11, (13), 13, 30, 45)",
    ): "any mixture of similar and different lengths would do",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "LENGTHS = (10, 11, 12, 13, 30, 45)",
        "LENGTHS = (10, 11, 12, (14), 30, 45)",
    ): "any mixture of similar and different lengths would do",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "LENGTHS = (10, 11, 12, 13, 30, 45)",
        "LENGTHS = (10, 11, 12, 13, (31), 45)",
    ): "any mixture of similar and different lengths would do",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "LENGTHS = (10, 11, 12, 13, 30, 45)",
        "LENGTHS = (10, 11, 12, 13, 30, (46))",
    ): "any mixture of similar and different lengths would do",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "_SAMPLE_IDS = 16",
        "_SAMPLE_IDS = (17)",
    ): "any small number of sample tokens would do",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "_CODE_IDS = 256",
        "_CODE_IDS = (257)",
    ): "any number of tokens that is large enough would do",
    (
        "hf_gradexplain/probing/padding.py",
        "_SMALLEST, _STEP = 64, 4",
        "_SMALLEST, _STEP = (65), 4",
    ): "any ascending lengths would do: the longest one that passes is used",
    (
        "hf_gradexplain/probing/padding.py",
        "_SMALLEST, _STEP = 64, 4",
        "_SMALLEST, _STEP = 64, (5)",
    ): "any ascending lengths would do: the longest one that passes is used",
    (
        "hf_gradexplain/probing/padding.py",
        "_WORTH = 16",
        "_WORTH = (17)",
    ): "from how many texts on a check is worth its time was not measured more exactly",
    (
        "hf_gradexplain/statistics/coefficients.py",
        "_EXACT_N = 33",
        "_EXACT_N = (34)",
    ): "scipy has the same limit, and beyond it both p-values agree to all digits that are shown",
    (
        "hf_gradexplain/statistics/rounding.py",
        "ROUNDING = 8 * np.finfo(np.float32).eps",
        "ROUNDING = (9) * np.finfo(np.float32).eps",
    ): "a ninth rounding error is as good a limit as the eighth",
    (
        "hf_gradexplain/statistics/sampling.py",
        "FEW_DRAWS = 8",
        "FEW_DRAWS = (9)",
    ): "one draw more or less is as good a limit",
    (
        "hf_gradexplain/text/beginning.py",
        "CHARACTERS = 24",
        "CHARACTERS = (25)",
    ): "one character more per token only reads a little more than is needed",
    (
        "hf_gradexplain/text/character_alignment.py",
        "_WINDOW = 1024",
        "_WINDOW = (1025)",
    ): "the exact size of a window is a matter of speed",
    (
        "hf_gradexplain/text/chat.py",
        "_MARKS = (*range(0xF0000, 0xFFFFE), *range(0x100000, 0x10FFFE))",
        "_MARKS = (*range((983041), 0xFFFFE), *range(0x100000, 0x10FFFE))",
    ): "any characters of the private planes mark as well",
    (
        "hf_gradexplain/text/chat.py",
        "_MARKS = (*range(0xF0000, 0xFFFFE), *range(0x100000, 0x10FFFE))",
        "_MARKS = (*range(0xF0000, (1048575)), *range(0x100000, 0x10FFFE))",
    ): "any characters of the private planes mark as well",
    (
        "hf_gradexplain/text/chat.py",
        "_MARKS = (*range(0xF0000, 0xFFFFE), *range(0x100000, 0x10FFFE))",
        "_MARKS = (*range(0xF0000, 0xFFFFE), *range((1048577), 0x10FFFE))",
    ): "any characters of the private planes mark as well",
    (
        "hf_gradexplain/text/data.py",
        "PREDICTED = -1",
        "PREDICTED = -(2)",
    ): "any number that is no class would do",
    (
        "hf_gradexplain/text/data.py",
        "REST = -2",
        "REST = -(3)",
    ): "any number that is neither a class nor RUNNER_UP would do",
    (
        "hf_gradexplain/text/dropped_characters.py",
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))',
        '_SAMPLE = "".join(map(chr, [*range((2049)), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))',
    ): "any characters from all over Unicode would do",
    (
        "hf_gradexplain/text/dropped_characters.py",
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))',
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range((2049), 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))',
    ): "any characters from all over Unicode would do",
    (
        "hf_gradexplain/text/dropped_characters.py",
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))',
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, (55297), 0x400), *range(0xE000, 0x110000, 0x400)]))',
    ): "any characters from all over Unicode would do",
    (
        "hf_gradexplain/text/dropped_characters.py",
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))',
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, (1025)), *range(0xE000, 0x110000, 0x400)]))',
    ): "any characters from all over Unicode would do",
    (
        "hf_gradexplain/text/dropped_characters.py",
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))',
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range((57345), 0x110000, 0x400)]))',
    ): "any characters from all over Unicode would do",
    (
        "hf_gradexplain/text/dropped_characters.py",
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, 0x400)]))',
        '_SAMPLE = "".join(map(chr, [*range(0x800), *range(0x800, 0xD800, 0x400), *range(0xE000, 0x110000, (1025))]))',
    ): "any characters from all over Unicode would do",
    (
        "hf_gradexplain/text/encode.py",
        "_CHUNK = 1024",
        "_CHUNK = (1025)",
    ): "how many texts are tokenized together changes no document",
    (
        "hf_gradexplain/text/python_tokenizers.py",
        "_MOST_BYTES = 8",
        "_MOST_BYTES = (9)",
    ): "no character has more bytes than 4",
    (
        "hf_gradexplain/text/sentences.py",
        "_WINDOW = 10_000",
        "_WINDOW = (10001)",
    ): "the exact size of a window is a matter of speed",
    (
        "hf_gradexplain/attribution/gradient_shap.py",
        "scores.append(-part.units.sum(products).cpu().double())",
        "scores.append(-part.units.sum(products).double())",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/attribution/masking/game.py",
        "return torch.stack(list(losses)).detach().cpu().double().numpy()",
        "return torch.stack(list(losses)).detach().double().numpy()",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/attribution/perturbed_copies.py",
        "return torch.tensor(by_number, dtype=torch.float64)[self.number.cpu()]",
        "return torch.tensor(by_number, dtype=torch.float64)[self.number]",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/attribution/perturbed_copies.py",
        "point, perturbed = position[rows.cpu()][:, None, None], self.perturbed(rows, sequences)[:, columns]",
        "point, perturbed = position[rows][:, None, None], self.perturbed(rows, sequences)[:, columns]",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/attribution/perturbed_copies.py",
        "weighted = part.grad * weights[part.rows.cpu()].to(part.grad)[:, None, None]",
        "weighted = part.grad * weights[part.rows].to(part.grad)[:, None, None]",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/classifier/hooked_model.py",
        'return tuple(inputs["input_ids"].shape), None if mask is None else mask.cpu().numpy().tobytes()',
        'return tuple(inputs["input_ids"].shape), None if mask is None else mask.numpy().tobytes()',
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/engine/engine.py",
        "return pd.DataFrame(scores.detach().cpu().double().numpy()[: len(texts)], index=texts)",
        "return pd.DataFrame(scores.detach().double().numpy()[: len(texts)], index=texts)",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/engine/scored.py",
        "joined = torch.cat([tensors[i].detach().flatten() for i in chosen]).cpu()",
        "joined = torch.cat([tensors[i].detach().flatten() for i in chosen])",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/loading/embedding_classifier.py",
        "p = torch.from_numpy(_probabilities(self.head, embedding.detach().cpu().double().numpy())).to(embedding)",
        "p = torch.from_numpy(_probabilities(self.head, embedding.detach().double().numpy())).to(embedding)",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/perturb/shared_prefix.py",
        "unit_of, real, size = batch.units.unit_of.cpu(), batch.units.real.cpu(), batch.units.size",
        "unit_of, real, size = batch.units.unit_of, batch.units.real.cpu(), batch.units.size",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/perturb/shared_prefix.py",
        "unit_of, real, size = batch.units.unit_of.cpu(), batch.units.real.cpu(), batch.units.size",
        "unit_of, real, size = batch.units.unit_of.cpu(), batch.units.real, batch.units.size",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "g[nonzero].cpu().double(), vectors[nonzero].cpu().double(), dim=-1",
        "g[nonzero].double(), vectors[nonzero].cpu().double(), dim=-1",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "g[nonzero].cpu().double(), vectors[nonzero].cpu().double(), dim=-1",
        "g[nonzero].cpu().double(), vectors[nonzero].double(), dim=-1",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "return classifier.logits(check.batch.inputs, edit)[:, 0].cpu().double().sum().item()",
        "return classifier.logits(check.batch.inputs, edit)[:, 0].double().sum().item()",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "return sum(x.cpu().double().square().sum().item() for x in tensors) ** 0.5",
        "return sum(x.double().square().sum().item() for x in tensors) ** 0.5",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/propagation/conservation.py",
        "return float(torch.where(grad == 0, 0, grad * value).real.cpu().double().sum())",
        "return float(torch.where(grad == 0, 0, grad * value).real.double().sum())",
    ): "on a CPU the values are there already; only other devices need it",
    (
        "hf_gradexplain/attribution/averaged_gradients.py",
        "(texts,) = torch.where(gap.abs() > _ENOUGH)",
        "(texts,) = torch.where((gap.abs() >= _ENOUGH))",
    ): "a gap is never exactly the limit",
    (
        "hf_gradexplain/attribution/averaged_gradients.py",
        "return [*points[::-1].tolist(), 1.0], [*weights[::-1].tolist(), 1 / n**2]",
        "return [*points[::-1], 1.0], [*weights[::-1].tolist(), 1 / n**2]",
    ): "a tensor is made of them, which is the same of numbers of NumPy",
    (
        "hf_gradexplain/attribution/averaged_gradients.py",
        "return [*points[::-1].tolist(), 1.0], [*weights[::-1].tolist(), 1 / n**2]",
        "return [*points[::-1].tolist(), 1.0], [*weights[::-1], 1 / n**2]",
    ): "a tensor is made of them, which is the same of numbers of NumPy",
    (
        "hf_gradexplain/attribution/baseline.py",
        "sums.append((weight.dtype, weight.detach().sum(0, dtype=wide).tolist()))",
        "sums.append((weight.dtype, weight.sum(0, dtype=wide).tolist()))",
    ): "nothing is differentiated",
    (
        "hf_gradexplain/attribution/baseline_distribution.py",
        "return ReferenceWords(vectors_of_ids(classifier, tokenizer, ids.tolist()), places)",
        "return ReferenceWords(vectors_of_ids(classifier, tokenizer, ids), places)",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/attribution/masking/game.py",
        "return torch.stack(list(losses)).detach().cpu().double().numpy()",
        "return torch.stack(list(losses)).cpu().double().numpy()",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/attribution/masking/kernel_shap.py",
        "for size in sizes.tolist():",
        "for size in sizes:",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/attribution/occlusion.py",
        "logits = forward.logits.detach().unsqueeze(1).repeat(1, exists.shape[1], 1)",
        "logits = forward.logits.unsqueeze(1).repeat(1, exists.shape[1], 1)",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/classifier/copies.py",
        "return [batch.sequences.kinds[s] for s in sequences.tolist()]",
        "return [batch.sequences.kinds[s] for s in sequences]",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/classifier/copies.py",
        "present = inside[torch.isin(inside, inside.new_tensor(self.special))].unique().tolist()",
        "present = inside[torch.isin(inside, inside.new_tensor(self.special))].unique()",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/classifier/limits.py",
        "_NO_LIMIT = 10**9",
        "_NO_LIMIT = (11)**9",
    ): "no tokenizer has a limit between 10^9 and 11^9",
    (
        "hf_gradexplain/classifier/limits.py",
        "_NO_LIMIT = 10**9",
        "_NO_LIMIT = 10**(10)",
    ): "no tokenizer has a limit between 10^9 and 10^10",
    (
        "hf_gradexplain/classifier/recording.py",
        "self.operations[node] = read(output.detach().clone())",
        "self.operations[node] = read(output.clone())",
    ): "a copy with a graph has the same values",
    (
        "hf_gradexplain/engine/scored.py",
        "classifier, logits = self.forward.classifier, self.forward.logits.detach()",
        "classifier, logits = self.forward.classifier, self.forward.logits",
    ): "the arrays that are made of them are detached once more",
    (
        "hf_gradexplain/loading/weights.py",
        'chunks = parameter.detach().reshape(-1).split(_CHUNK) if parameter.device.type != "meta" else ()',
        'chunks = parameter.reshape(-1).split(_CHUNK) if parameter.device.type != "meta" else ()',
    ): "nothing is differentiated",
    (
        "hf_gradexplain/loading/weights.py",
        'if table is not None and table.device.type != "meta" and not bool(table.detach().any()):',
        'if table is not None and table.device.type != "meta" and not bool(table.any()):',
    ): "nothing is differentiated",
    (
        "hf_gradexplain/perturb/bilstm.py",
        "row_of = _both_directions(words.row_of[masks.text], length).T.contiguous()",
        "row_of = _both_directions(words.row_of[masks.text], length).T",
    ): "the layout in memory changes no number",
    (
        "hf_gradexplain/perturb/bilstm.py",
        "number = copies.number.T.contiguous()",
        "number = copies.number.T",
    ): "the layout in memory changes no number",
    (
        "hf_gradexplain/perturb/fasttext.py",
        "logits = forward.logits.detach()",
        "logits = forward.logits",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/perturb/fasttext.py",
        "logits, contributions = forward.logits.detach(), _contributions(forward)",
        "logits, contributions = forward.logits, _contributions(forward)",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/perturb/fasttext.py",
        "logits, contributions = forward.logits.detach(), _contributions(forward).to(widest(removed.device))",
        "logits, contributions = forward.logits, _contributions(forward).to(widest(removed.device))",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/perturb/generic.py",
        "logits = forward.logits.detach().unsqueeze(1).repeat(1, units.size, 1)",
        "logits = forward.logits.unsqueeze(1).repeat(1, units.size, 1)",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/perturb/generic.py",
        "logits = forward.logits.detach()[text_of]",
        "logits = forward.logits[text_of]",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/perturb/generic.py",
        "logits = forward.logits.detach()",
        "logits = forward.logits",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/perturb/orders.py",
        "shuffles = [rng.permutation(n) for rng, n in zip(rngs, lengths.tolist(), strict=True)]",
        "shuffles = [rng.permutation(n) for rng, n in zip(rngs, lengths, strict=True)]",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/perturb/shared_prefix.py",
        "classifier, batch, plain = forward.classifier, forward.batch, forward.logits.detach()",
        "classifier, batch, plain = forward.classifier, forward.batch, forward.logits",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/perturb/shared_prefix.py",
        "for end in np.unique(ends).tolist():",
        "for end in np.unique(ends):",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/perturb/shortcuts.py",
        "return forward.logits.detach()[text_of]",
        "return forward.logits[text_of]",
    ): "it runs without autograd anyway",
    (
        "hf_gradexplain/probing/compiled.py",
        "if not error <= self.tolerance:",
        "if not (error < self.tolerance):",
    ): "an error is never exactly the tolerance",
    (
        "hf_gradexplain/probing/doctor.py",
        "if error > _GRADIENT_TOLERANCE:",
        "if (error >= _GRADIENT_TOLERANCE):",
    ): "an error is never exactly the tolerance",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "if error <= tolerance or dtype_of(classifier.model) == torch.float64:",
        "if (error < tolerance) or dtype_of(classifier.model) == torch.float64:",
    ): "an error is never exactly the tolerance",
    (
        "hf_gradexplain/probing/probe.py",
        "if (not followed and not custom_functions(logits)) or gradient_errors(candidate, check, 0.01)[0] <= 0.01:",
        "if (not followed and not custom_functions(logits)) or (gradient_errors(candidate, check, 0.01)[0] < 0.01):",
    ): "an error is never exactly the tolerance",
    (
        "hf_gradexplain/statistics/coefficients.py",
        "lengths = np.broadcast_to(n, exact.shape)[exact].tolist()",
        "lengths = np.broadcast_to(n, exact.shape)[exact]",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/statistics/coefficients.py",
        "p[exact] = [_kendall_p_values(size)[k] for size, k in zip(lengths, fewest[exact].tolist(), strict=True)]",
        "p[exact] = [_kendall_p_values(size)[k] for size, k in zip(lengths, fewest[exact], strict=True)]",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/alignment.py",
        "for t, i, first in zip(overlapping.tolist(), text_of[overlapping].tolist(), firsts.tolist(), strict=True):",
        "for t, i, first in zip(overlapping, text_of[overlapping].tolist(), firsts.tolist(), strict=True):",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/alignment.py",
        "for t, i, first in zip(overlapping.tolist(), text_of[overlapping].tolist(), firsts.tolist(), strict=True):",
        "for t, i, first in zip(overlapping.tolist(), text_of[overlapping], firsts.tolist(), strict=True):",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/alignment.py",
        "for t, i, first in zip(overlapping.tolist(), text_of[overlapping].tolist(), firsts.tolist(), strict=True):",
        "for t, i, first in zip(overlapping.tolist(), text_of[overlapping].tolist(), firsts, strict=True):",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/character_alignment.py",
        "while i < len(a) and j < len(b):",
        "while (i <= len(a)) and j < len(b):",
    ): "at an end nothing more matches",
    (
        "hf_gradexplain/text/character_alignment.py",
        "while i < len(a) and j < len(b):",
        "while i < len(a) and (j <= len(b)):",
    ): "at an end nothing more matches",
    (
        "hf_gradexplain/text/character_alignment.py",
        "at_end = i + _WINDOW >= len(a) and j + _WINDOW >= len(b)",
        "at_end = (i + _WINDOW > len(a)) and j + _WINDOW >= len(b)",
    ): "a block at the border is found by this window or by the next one",
    (
        "hf_gradexplain/text/character_alignment.py",
        "at_end = i + _WINDOW >= len(a) and j + _WINDOW >= len(b)",
        "at_end = i + _WINDOW >= len(a) and (j + _WINDOW > len(b))",
    ): "a block at the border is found by this window or by the next one",
    (
        "hf_gradexplain/text/characters.py",
        "for code in np.unique(codes[classes == 0]).tolist():",
        "for code in np.unique(codes[classes == 0]):",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/characters.py",
        'for i in np.unique(np.searchsorted(self.starts, combining, "right") - 1).tolist():',
        "for i in np.unique(np.searchsorted(self.starts, combining, 'right') - 1):",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/chat.py",
        "for r in unknown[::step].tolist():",
        "for r in unknown[::step]:",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/chat_tokens.py",
        "lambda i: [tokens.pieces(i)[t - tokens.text_of.searchsorted(i)] for t in chosen[text_of == i].tolist()],",
        "lambda i: [tokens.pieces(i)[t - tokens.text_of.searchsorted(i)] for t in chosen[text_of == i]],",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/chat_tokens.py",
        "borders = tokens.text_of.searchsorted(np.arange(len(prompts) + 1)).tolist()",
        "borders = tokens.text_of.searchsorted(np.arange(len(prompts) + 1))",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/data.py",
        "starts = np.flatnonzero(np.diff(self.sequence_of, prepend=-1)).tolist()",
        "starts = np.flatnonzero(np.diff(self.sequence_of, prepend=-1))",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/data.py",
        "kinds = [self.sequences.kinds[s] for s in sequences.tolist()]",
        "kinds = [self.sequences.kinds[s] for s in sequences]",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/data.py",
        "sequences = Sequences.of(copy_of, [self.sequences.kinds[s] for s in repeated.tolist()])",
        "sequences = Sequences.of(copy_of, [self.sequences.kinds[s] for s in repeated])",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/dropped_characters.py",
        "if first > word.start():",
        "if (first >= word.start()):",
    ): "a span that begins with the word is set to where it begins already",
    (
        "hf_gradexplain/text/encode.py",
        'if limit is None or side != "right" or max(len(first) for first, *_ in parts) <= CHARACTERS * limit:',
        'if limit is None or side != "right" or (max((len(first) for first, *_ in parts)) < CHARACTERS * limit):',
    ): "a text of exactly this length is read whole in both cases",
    (
        "hf_gradexplain/text/encode.py",
        "return list(starmap(slice, pairwise(text_of.searchsorted(np.arange(texts + 1)).tolist())))",
        "return list(starmap(slice, pairwise(text_of.searchsorted(np.arange(texts + 1)))))",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/sentences.py",
        "while start < len(text):",
        "while (start <= len(text)):",
    ): "only an empty text could reach the end, and it has no sentence",
    (
        "hf_gradexplain/text/words.py",
        "for w in np.flatnonzero(tokens.characters.are_blank(starts, ends)).tolist():",
        "for w in np.flatnonzero(tokens.characters.are_blank(starts, ends)):",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/words.py",
        "rows = zip(words.tolist(), firsts[words].tolist(), lasts[words].tolist(), spans[words].tolist(), strict=True)",
        "rows = zip(words, firsts[words].tolist(), lasts[words].tolist(), spans[words].tolist(), strict=True)",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/words.py",
        "rows = zip(words.tolist(), firsts[words].tolist(), lasts[words].tolist(), spans[words].tolist(), strict=True)",
        "rows = zip(words.tolist(), firsts[words], lasts[words].tolist(), spans[words].tolist(), strict=True)",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/words.py",
        "rows = zip(words.tolist(), firsts[words].tolist(), lasts[words].tolist(), spans[words].tolist(), strict=True)",
        "rows = zip(words.tolist(), firsts[words].tolist(), lasts[words], spans[words].tolist(), strict=True)",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/text/words.py",
        "rows = zip(words.tolist(), firsts[words].tolist(), lasts[words].tolist(), spans[words].tolist(), strict=True)",
        "rows = zip(words.tolist(), firsts[words].tolist(), lasts[words].tolist(), spans[words], strict=True)",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/perturb/textcnn.py",
        "for text, units in zip(text_of.split(at_once), F.pad(removed, (0, 1)).split(at_once), strict=True):",
        "for text, units in zip(text_of.split(at_once), F.pad(removed, (0, (2))).split(at_once), strict=True):",
    ): "no token has the number of the second added column",
    (
        "hf_gradexplain/probing/probe.py",
        "tolerance=min(0.02, 1e3 * torch.finfo(logits.dtype).eps),",
        "tolerance=min(0.02, (1001.0) * torch.finfo(logits.dtype).eps),",
    ): "one rounding error more is as good a limit",
    (
        "hf_gradexplain/classifier/embedding_lookups.py",
        "tolerance = min(0.05, 1e3 * torch.finfo(logits.dtype).eps) * (1 + expected.abs().max())",
        "tolerance = min(0.05, (1001.0) * torch.finfo(logits.dtype).eps) * (1 + expected.abs().max())",
    ): "one rounding error more is as good a limit",
    (
        "hf_gradexplain/probing/padding.py",
        "documents = documents_without_ties(self.tokenizer, [LENGTHS[0], n // 2, n - 1, n])",
        "documents = documents_without_ties(self.tokenizer, [LENGTHS[0], n // 2, n - (2), n])",
    ): "any lengths up to the longest would do",
    (
        "hf_gradexplain/probing/doctor.py",
        'classifier = profile.classifier(model, Objective("logit", "identity"), 1024)',
        'classifier = profile.classifier(model, Objective("logit", "identity"), (1025))',
    ): "any budget that holds the sample texts would do",
    (
        "hf_gradexplain/probing/gradient_checks.py",
        "ids = [i for i in range(min(len(tokenizer), 1000)) if i not in special][-_CODE_IDS:]",
        "ids = [i for i in range(min(len(tokenizer), (1001))) if i not in special][-_CODE_IDS:]",
    ): "any ids of ordinary tokens would do",
    (
        "hf_gradexplain/attribution/masking/kernel_shap.py",
        "inverse = np.linalg.pinv(free @ (rows.T * weights) @ rows @ free, 1e-10, hermitian=True)",
        "inverse = np.linalg.pinv(free @ (rows.T * weights) @ rows @ free, 1e-10, hermitian=False)",
    ): "the matrix is symmetric, so that both decompositions give the same inverse",
    (
        "hf_gradexplain/attribution/methods.py",
        'name, by_dims = "signed_gi", Method(Backward(), formulas.gradient_times_input, True, "")',
        'name, by_dims = "signed_gi", Method(Backward(), formulas.gradient_times_input, False, "")',
    ): "nobody asks this method for its sign",
    (
        "hf_gradexplain/engine/stream.py",
        'with tqdm(total=total, desc="explaining", unit=" texts", disable=hidden, dynamic_ncols=True) as bar:',
        'with tqdm(total=total, desc="explaining", unit=" texts", disable=hidden, dynamic_ncols=False) as bar:',
    ): "only a terminal whose width changes shows it",
    (
        "hf_gradexplain/models/tokenization.py",
        "vocab_size=vocab_size, min_frequency=min_count, special_tokens=[PAD, UNK], show_progress=False",
        "vocab_size=vocab_size, min_frequency=min_count, special_tokens=[PAD, UNK], show_progress=True",
    ): "only a terminal shows it",
    (
        "hf_gradexplain/models/bilstm/modeling_bilstm.py",
        "train=False,",
        "train=True,",
    ): "without dropout, a layer in training computes the same",
    (
        "hf_gradexplain/attribution/conservation_gap.py",
        "classifier, batch, slope = replace(forward.classifier, records_inputs=False), forward.batch, forward.slope()",
        "classifier, batch, slope = replace(forward.classifier, records_inputs=True), forward.batch, forward.slope()",
    ): "the inputs that are recorded are not read",
    (
        "hf_gradexplain/text/alignment.py",
        "NO_WORD = -1",
        "NO_WORD = -(2)",
    ): "any number that is no word would do",
    (
        "hf_gradexplain/text/alignment.py",
        "words = 2 * (np.nan_to_num(numbers, nan=-1).astype(np.int64) + 1) + (sequences == 1)",
        "words = (3) * (np.nan_to_num(numbers, nan=-1).astype(np.int64) + 1) + (sequences == 1)",
    ): "any different numbers for the words of both texts would do",
    (
        "hf_gradexplain/text/alignment.py",
        "words = 2 * (np.nan_to_num(numbers, nan=-1).astype(np.int64) + 1) + (sequences == 1)",
        "words = 2 * (np.nan_to_num(numbers, nan=-(2)).astype(np.int64) + 1) + (sequences == 1)",
    ): "any different numbers for the words of both texts would do",
    (
        "hf_gradexplain/text/alignment.py",
        "words = 2 * (np.nan_to_num(numbers, nan=-1).astype(np.int64) + 1) + (sequences == 1)",
        "words = 2 * (np.nan_to_num(numbers, nan=-1).astype(np.int64) + (2)) + (sequences == 1)",
    ): "any different numbers for the words of both texts would do",
    (
        "hf_gradexplain/text/alignment.py",
        "words = 2 * (np.nan_to_num(numbers, nan=-1).astype(np.int64) + 1) + (sequences == 1)",
        "words = 2 * (np.nan_to_num(numbers, nan=-1).astype(np.int64) + 1) + ((sequences != 1))",
    ): "any different numbers for the words of both texts would do",
    (
        "hf_gradexplain/text/alignment.py",
        "cut = [_truncation_offset(e, (0, second)) for e, second in zip(encodings, seconds.tolist(), strict=True)]",
        "cut = [_truncation_offset(e, (0, second)) for e, second in zip(encodings, seconds, strict=True)]",
    ): "the offset of the grapheme that is made of it is a plain number",
    (
        "hf_gradexplain/text/alignment.py",
        "spans = flat([[offset for span in each.spans for offset in span or (0, 0)] for each in "
        "places]).reshape(-1, 2)",
        "spans = flat([[offset for span in each.spans for offset in span or (0, 0)] for each in "
        "places]).reshape(-(2), 2)",
    ): "NumPy takes any negative size for the one that it computes",
    (
        "hf_gradexplain/text/alignment.py",
        "start, end = remaining.get(sequence, (0, 0))",
        "start, end = remaining.get(sequence, ((1), 0))",
    ): "of a text of which nothing is left, the offset is 0 in both cases",
    (
        "hf_gradexplain/text/chat_tokens.py",
        "parts=message_of[firsts[once]] * (len(tokens.ids) + 1) + stretches[chosen],",
        "parts=message_of[firsts[once]] * ((len(tokens.ids) - 1)) + stretches[chosen],",
    ): "there are fewer stretches than tokens, so that messages have different numbers",
    (
        "hf_gradexplain/text/chat_tokens.py",
        "parts=message_of[firsts[once]] * (len(tokens.ids) + 1) + stretches[chosen],",
        "parts=message_of[firsts[once]] * (len(tokens.ids) + (2)) + stretches[chosen],",
    ): "there are fewer stretches than tokens, so that messages have different numbers",
    (
        "hf_gradexplain/attribution/methods.py",
        "grows = {name for name, source in sources.items() if gradient_passes(source, 2) > gradient_passes(source, 1)}",
        "grows = {name for name, source in sources.items() if gradient_passes(source, (3)) > "
        "gradient_passes(source, 1)}",
    ): "any two numbers of units show whether the number of passes grows with them",
    (
        "hf_gradexplain/attribution/gradients.py",
        "return len(forward.held) == 1 and forward.batch.sequences is None and int(forward.batch.lengths.sum()) "
        "<= TOGETHER",
        "return len(forward.held) == 1 and forward.batch.sequences is None and (int(forward.batch.lengths.sum()) "
        "< TOGETHER)",
    ): "both ways give the same gradients",
    (
        "hf_gradexplain/attribution/kinks.py",
        "several = (batch.sequences.real.sum(1) > 1).nonzero()[:, 0]",
        "several = ((batch.sequences.real.sum(1) >= 1)).nonzero()[:, 0]",
    ): "a text of one window has no kinks",
    (
        "hf_gradexplain/attribution/kinks.py",
        "if len(halves) > _MOST:",
        "if (len(halves) >= _MOST):",
    ): "any limit far above the number of real kinks would do",
    (
        "hf_gradexplain/attribution/masking/shapley.py",
        "orders = 4 if earlier.copies >= 4 * earlier.draws * (game.size - 1) else 2",
        "orders = 4 if (earlier.copies > 4 * earlier.draws * (game.size - 1)) else 2",
    ): "the copy without any unit comes on top, so that they are never equal",
    (
        "hf_gradexplain/text/character_alignment.py",
        "spans: list[Span | None] = [None if surface.strip() else (-1, -1) for surface, _ in groups]",
        "spans: list[Span | None] = [None if surface.strip() else (-(2), -1) for surface, _ in groups]",
    ): "only the sign of the first number is read",
    (
        "hf_gradexplain/text/character_alignment.py",
        "spans: list[Span | None] = [None if surface.strip() else (-1, -1) for surface, _ in groups]",
        "spans: list[Span | None] = [None if surface.strip() else (-1, -(2)) for surface, _ in groups]",
    ): "only the sign of the first number is read",
    (
        "hf_gradexplain/text/character_alignment.py",
        "a, b = spans[g] or (-1, -1)",
        "a, b = spans[g] or (-(2), -1)",
    ): "only the sign of the first number is read",
    (
        "hf_gradexplain/text/character_alignment.py",
        "a, b = spans[g] or (-1, -1)",
        "a, b = spans[g] or (-1, -(2))",
    ): "only the sign of the first number is read",
    (
        "hf_gradexplain/text/chat.py",
        "same = zip(origin.tolist(), out, rendered, strict=True)",
        "same = zip(origin, out, rendered, strict=True)",
    ): "a number of NumPy or PyTorch is as good an index",
    (
        "hf_gradexplain/attribution/gradients.py",
        "baseline = concatenated(forwards[0].classifier.gradient_baseline)",
        "baseline = concatenated(forwards[(1)].classifier.gradient_baseline)",
    ): "all of them, and there are several, have the same classifier",
    (
        "hf_gradexplain/text/chat_tokens.py",
        "reads = tokens.reads[first:last] - base if last > first else np.zeros((1, 2), int)",
        "reads = tokens.reads[first:last] - base if last > first else np.zeros(((2), 2), int)",
    ): "the smallest and the largest of two zeros are 0 as well",
    (
        "hf_gradexplain/text/dropped_characters.py",
        "vocabulary, model = frozenset(backend.get_vocab(with_added_tokens=False)), backend.model",
        "vocabulary, model = frozenset(backend.get_vocab(with_added_tokens=True)), backend.model",
    ): "added tokens are kept anyway, and their letters are no tokens",
}
"""By path below the repository, the line without its indentation, and the mutated line: the reason.

A mutant in this list is left out of the sample. Look at the line before you add one: most survivors show a missing
test.
"""

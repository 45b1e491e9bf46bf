"""Pages, cards, figures and terminal output, made only from numbers, strings and pandas tables.

- `highlight`: one explained text, as HTML and for the terminal.
- `curves`, `figures`: removal curves; correlation histograms and the scores of one document. `canvas`: their style and
  files.
- `report`: an evaluation as a page and as a card. `terminal`: its tables, and progress lines, for the terminal.
- `palette`, `sanitize`, `tables`, `templating`: shared helpers.
"""

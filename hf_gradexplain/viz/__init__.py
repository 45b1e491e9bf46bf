"""Pages, cards, figures and terminal output, made only from numbers, strings and pandas tables.

- `highlight`: one explained text, as HTML and for the terminal.
- `curves`, `figures`: removal curves; correlation histograms and the scores of one document. `canvas`: their style and
  files.
- `report_app`: an evaluation as a page with scripts, which are in `app/`. `report_documents`: its documents, packed.
  `report_static`: a document without scripts.
- `report`: a static page, and cards. `terminal`: tables and progress lines for the terminal.
- `palette`, `sanitize`, `tables`, `templating`: shared helpers.
"""

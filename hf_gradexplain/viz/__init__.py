"""Pages, cards, figures and terminal output, made only from numbers, strings and pandas tables.

- `highlight`, `highlight_terminal`: one explained text, as HTML and for the terminal.
- `curves`: removal curves. `figures`: correlation histograms, and the scores of one document. `canvas`: the style and
  the files of figures.
- `report_app`: an evaluation as a page with scripts, which are in `app/`. `report_documents`: the documents of this
  page. `report_static`: a document of this page as it looks without scripts.
- `report`: an evaluation as a page without scripts, and as cards. `terminal`: tables and progress lines for the
  terminal.
- `palette`, `sanitize`, `tables`, `templating`: shared helpers.
"""

"""Find suspicious words, which decide a class and flip texts of other classes when they are inserted."""

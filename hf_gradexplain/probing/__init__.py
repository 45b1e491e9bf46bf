"""Small experiments that show how a model behaves before it is explained; the doctor reports them."""

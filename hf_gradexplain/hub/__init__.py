"""Access to the Hugging Face Hub: resolve names to commits, and push files in one commit."""

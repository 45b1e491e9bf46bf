"""The Hugging Face Hub: pin names to commits, and push files in one commit."""

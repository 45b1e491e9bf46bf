"""Code that the recipes which write pages share: resumable steps, the pretrained encoder, and processes."""

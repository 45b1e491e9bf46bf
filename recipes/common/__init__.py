"""What the recipes that write pages share: resumable steps, the pretrained encoder, helper processes."""

"""Train FastText, TextCNN or BiLSTM from scratch, or fine-tune any other classifier by name."""

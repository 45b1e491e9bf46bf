"""The definitions of FastText, TextCNN and BiLSTM as loops over single vectors."""

import torch


def naive_fasttext(model, vectors):
    mean = sum(vectors, torch.zeros(4)) / max(len(vectors), 1)
    return model.classifier.weight @ mean + model.classifier.bias


def naive_textcnn(model, vectors):
    features = []
    for convolution in model.convolutions:
        width = convolution.kernel_size[0]
        text = vectors + [torch.zeros(4)] * (width - len(vectors))
        for weight, bias in zip(convolution.weight, convolution.bias, strict=True):
            responses = []
            for start in range(len(text) - width + 1):
                responses.append(bias + sum(weight[:, j] @ text[start + j] for j in range(width)))
            features.append(max(*responses, torch.tensor(0.0)))
    return model.classifier.weight @ torch.stack(features) + model.classifier.bias


def naive_lstm(inputs, w_ih, w_hh, b_ih, b_hh):
    h = c = torch.zeros(w_hh.shape[1])
    states = []
    for x in inputs:
        i, f, g, o = (w_ih @ x + b_ih + w_hh @ h + b_hh).chunk(4)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        states.append(h)
    return states


def naive_bilstm(model, vectors):
    states = vectors or [torch.zeros(4)]
    weights = model.lstm.all_weights
    for forward, backward in zip(weights[::2], weights[1::2], strict=True):
        h, g = naive_lstm(states, *forward), naive_lstm(states[::-1], *backward)[::-1]
        states = [torch.cat(pair) for pair in zip(h, g, strict=True)]
    if model.config.pooling == "last":
        pooled = torch.cat([states[-1][:3], states[0][3:]])
    elif model.config.pooling == "max":
        pooled = torch.stack([max(column) for column in torch.stack(states).T])
    else:
        pooled = sum(states) / len(states)
    return model.classifier.weight @ pooled + model.classifier.bias


NAIVE = {"fasttext": naive_fasttext, "textcnn": naive_textcnn, "bilstm": naive_bilstm}

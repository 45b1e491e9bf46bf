from hf_gradexplain.viz.palette import _FALLBACKS, METHOD_STYLES, method_styles


def test_known_methods_keep_their_style_among_any_others():
    assert method_styles(["unheard_of", "sa_l2", "loo"])["sa_l2"] == METHOD_STYLES["sa_l2"]


def test_unknown_method_has_the_same_style_in_any_order():
    assert (
        method_styles(["lime", "loo"])["lime"]
        == method_styles(["loo", "lime"])["lime"]
        == method_styles(["lime"])["lime"]
    )


def test_twelve_methods_differ_without_colours():
    names = [*METHOD_STYLES, "a", "b", "c", "d", "e"]
    styles = method_styles(names)
    assert len({(str(style.dash), style.marker) for style in styles.values()}) == len(names)


def test_unknown_methods_differ_as_long_as_there_are_fallbacks():
    styles = method_styles(["lime", "smoothgrad", "deeplift", "occlusion", "shap", "attention", "rollout", "lrp"])
    assert set(styles.values()) == set(_FALLBACKS)


def test_styles_repeat_when_all_fallbacks_are_used():
    names = [f"method {index}" for index in range(len(_FALLBACKS) + 3)]
    styles = method_styles(names)
    assert set(styles.values()) == set(_FALLBACKS)
    for name in names[len(_FALLBACKS) :]:
        assert styles[name] == method_styles([name])[name]

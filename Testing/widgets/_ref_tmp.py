import sys, pytest
from made_study import made_study
from review_steps import Review
from panel_steps import enter_module, leave_module
@pytest.mark.usefixtures("with_torch")
def test_ref(open_module, tmp_path, wait_until, scene):
    review = Review(open_module("IUSTumorSeg"), made_study(tmp_path, 3), wait_until).open_study()
    review.press("N")
    def m(name, f, n=10):
        f(); a=sys.getrefcount(None)
        for _ in range(n): f()
        print(name, (sys.getrefcount(None)-a)/n)
    m("nothing", lambda: None)
    m("NP", lambda: review.press("N","P"))
    m("modes", lambda: review.press("K","H","T","S","L"))
    m("overlay", lambda: review.press("E","E"))
    m("update", lambda: review.panel._update())
    m("follow", lambda: review.panel._follow_views())
    m("leave-enter", lambda: (leave_module(review.module), enter_module(review.module)))
    m("views close/open", lambda: (review.panel.views.close(), review.panel._show_case(review.panel._case)))
    m("read", lambda: __import__("IUSTumorSegLib.study.case_images", fromlist=["x"]).read_case_images(review.panel._case.folder))
    import slicer
    from IUSTumorSegLib.scene.study_cases import load_case, unload_case
    im=__import__("IUSTumorSegLib.study.case_images", fromlist=["x"]).read_case_images(review.panel._case.folder)
    m("load/unload", lambda: unload_case(load_case(scene, im)))
    def clear():
        review.press("N"); scene.Clear(0); review.panel.session.current=""
    m("clear", clear)

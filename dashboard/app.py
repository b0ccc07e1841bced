"""The dashboard's entry: `smart-sentry dashboard`, or `streamlit run dashboard/app.py` in the checkout."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import session
from dashboard.pieces import banner
from dashboard.style import STYLE
from dashboard.views import alarm_figures, asset, fleet, models

# A file: the browser would fetch an icon that is only named from elsewhere.
_ICON = Path(__file__).with_name("icon.svg")


def main() -> None:
    """Draws the page that is asked for."""
    st.set_page_config("Smart Sentry", _ICON, layout="wide", initial_sidebar_state=250)
    pages = [
        st.Page(fleet.page, title="Fleet", icon=":material/dashboard:", url_path="fleet", default=True),
        st.Page(asset.page, title="Asset", icon=":material/precision_manufacturing:", url_path="asset"),
        st.Page(models.page, title="Models", icon=":material/model_training:", url_path="models"),
        st.Page(alarm_figures.page, title="Alarm KPIs", icon=":material/notifications_active:", url_path="alarm-kpis"),
    ]
    chosen = st.navigation(pages, position="top")
    st.session_state.asset_page = pages[1]
    st.html(STYLE)
    session.sidebar()
    with st.container(key="banner"):
        _banner()
    chosen.run()


@st.fragment(run_every=1.0)
def _banner() -> None:
    view = session.plant().view()
    st.html(banner(view.link, view.now, session.zone()))


main()

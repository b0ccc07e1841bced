"""Whether what the database holds of calibrated assets is still what their baselines were learnt from, and if not, why.

It reads the database and the baselines' files, judges by `smart_sentry.drift`, and changes nothing.
"""

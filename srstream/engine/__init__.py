"""Online super-resolution as a library: synchronous; torch and numpy only.

    from srstream.engine import PRESETS, Session
    session = Session(PRESETS["light"])
    result = session.step(frame)        # adapt to the frame, then upscale it
"""

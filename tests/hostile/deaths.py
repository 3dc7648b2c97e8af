"""kill -9 of each process with calls up, and its restart."""
import time

from hostile.stage import case, wait_until


def works_again(stage, server, seconds=15):
    """Waits for a call; how long it took."""
    phone, begin = stage.phone(21, server), time.monotonic()

    def taken():
        call = phone.call("answer", 1.5)
        if call:
            call.bye(1)
        return call

    wait_until(taken, seconds, "a new call is taken again")
    took = time.monotonic() - begin
    stage.say(f"a new call is taken {took:.1f} s after the restart")
    return took


def held(stage, server, count=20):
    phone = stage.phone(20, server)
    calls = [phone.call("echo") for _ in range(count)]
    stage.expect(all(calls), "a call to be held was not answered")
    return phone, calls


@case("death", short=True, limit=40)
def a_dead_engine_that_comes_back_costs_no_held_call(stage):
    """The engine dies and is started again within its grace."""
    server = stage.server(signaling__engines__grace_ms=15000)
    _, calls = held(stage, server)
    beside = stage.victims(server, echo=2, rate=0)
    server.processes["engine"].kill()
    time.sleep(1)
    server.start_engine()
    works_again(stage, server)
    back = calls[0].echoed(50)
    stage.attack = "kill -9 of the engine"
    stage.expect(back >= 45, f"a held call hears {back} of 50 packets afterwards")
    stage.expect(not any(call.ended.is_set() for call in calls), "a held call ended")
    stage.unharmed(beside)
    for call in calls:
        call.bye()
    stage.settles(server)


@case("death", short=True, limit=40)
def dead_media_ends_its_calls_and_serves_new_ones(stage):
    """Media dies and is started again: its calls hear BYE, new ones are taken."""
    server = stage.server(apart=True)
    _, calls = held(stage, server)
    server.processes["media"].kill()
    time.sleep(1)
    server.start_media()
    wait_until(lambda: all(call.ended.is_set() for call in calls), 15, "every held call is told its end")
    works_again(stage, server)
    stage.attack = "kill -9 of media"
    stage.settles(server)


@case("death", limit=60)
def dead_media_that_stays_away_ends_its_calls(stage):
    """Media dies and does not come back: its calls hear BYE within fifteen seconds, new ones get 500 to 504."""
    server = stage.server(apart=True)
    _, calls = held(stage, server)
    begin = time.monotonic()
    server.processes["media"].kill()
    wait_until(lambda: all(call.ended.is_set() for call in calls), 20, "every held call is told its end")
    stage.say(f"told after {time.monotonic() - begin:.1f} s")
    refused = stage.phone(21, server).invite("echo")
    refused.answered(5)
    stage.attack = "kill -9 of media"
    stage.expect(refused.status in (500, 503, 504), f"a new call gets {refused.status}")


@case("death", short=True, limit=40)
def dead_signaling_serves_new_calls_after_its_restart(stage):
    """Signaling dies and is started again: media closes what it had, new calls are taken."""
    server = stage.server(apart=True)
    _, calls = held(stage, server)
    server.processes["signaling"].kill()
    time.sleep(1)
    server.start_signaling()
    wait_until(server.ready, 15, "signaling is ready")
    wait_until(server.engines_attached, 15, "the engine is back")
    works_again(stage, server)
    stage.attack = "kill -9 of signaling"
    stage.settles(server)


@case("death", limit=60)
def a_dead_engine_that_stays_away_ends_its_calls(stage):
    """The engine dies for good: its calls hear BYE when its grace is over, new ones 503."""
    server = stage.server(signaling__engines__grace_ms=3000)
    phone, calls = held(stage, server)
    server.processes["engine"].kill()
    wait_until(lambda: all(call.ended.is_set() for call in calls), 15, "every held call is told its end")
    refused = phone.invite("echo")
    refused.answered(5)
    stage.attack = "kill -9 of the engine"
    stage.expect(refused.status == 503, f"a new call gets {refused.status}")
    stage.settles(server)


@case("death", limit=60)
def everything_dead_at_once_serves_new_calls_after_its_restart(stage):
    """Engine, media and signaling die together."""
    server = stage.server(apart=True)
    held(stage, server)
    for name in ("engine", "media", "signaling"):
        server.processes[name].kill()
    server.start_media()
    server.start_signaling()
    wait_until(server.ready, 15, "Callplane is ready")
    server.start_engine()
    works_again(stage, server)
    stage.attack = "kill -9 of all three"
    stage.settles(server)


@case("death", limit=90)
def media_killed_ten_times_leaves_nothing(stage):
    """Media dies ten times in a row, with calls being set up."""
    server = stage.server(apart=True)
    phone = stage.phone(20, server)
    for _ in range(10):
        for _ in range(5):
            phone.invite("echo")
        time.sleep(0.02)
        server.processes["media"].kill()
        server.start_media()
        wait_until(server.ready, 15, "media is back")
    stage.attack = "kill -9 of media, 10 times"
    works_again(stage, server)
    stage.settles(server, 30)

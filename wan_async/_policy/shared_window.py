"""One account's window as a storage keeps it: processes visit it, and are given permits. Pure: times in, times out.

A visit is one exchange. It reports how calls have ended, asks for permits, and learns when to come again. All that is
learnt from rejections is the visitors' affair (see `lessons`): here it is a text that they exchange.

- Of a large limit, no more are let out than `FIRST` before as many were answered, then `GROWTH` for each answer: a
  given 40 may be 24 in truth, which the 25th shows.
- A call holds its slot until a time. At first that is `hold` seconds away, long enough for a call whose process was
  killed to have left the provider's window; whoever gets the answer sets it right, and whoever waits for one that is
  slow puts it off.
- Those who wait stand in a line. Each free slot is for the one that was given the fewest, the first in line of several:
  no process starves another. Who does not come at its time is passed over, and so is one that is gone.
- Who has to wait learns when the slot that will be its is free, and to come sooner where that is far: rejections and
  calls that were never sent give slots back before their time.
- A state has a mark, drawn when it is made, and a number that grows with each visit. A visitor that knows another mark,
  or a higher number, knew a state that was lost: nothing leaves until a window is over.

This is what every storage does; the tests compare each with this.
"""

from __future__ import annotations

import msgspec

from .window import FIRST, GROWTH

STEP = 1e-6
"""Seconds between two permits, which are times: enough for doubles that hold seconds since 1970."""
GATHER = 0.1
"""Seconds for which those who come to an empty window are given an eighth of it: then it is dealt to all of them."""


class Visit(msgspec.Struct, array_like=True, frozen=True):
    """A visitor's report and its wishes.

    Attributes:
        member: who it is.
        wants: callers that it has waiting.
        mark: of the state that it knows; "" if it knows none.
        number: of its last visit.
        fresh: the mark of a state to be made where there is none; "" to make none.
        counted: permits of calls that were answered, and the seconds until their slots are free again.
        dropped: permits of calls that do not count: refused as too much, or not sent.
        alive: permits of calls that take long.
        unknown: seconds until the slots of calls are free that were made while the storage was away.
        lull: seconds for which nothing leaves when a state was lost: a window.
        hold: seconds that a call holds its slot while nothing is reported of it.
        poll: seconds after which it will come again at the latest.
        grace: seconds after which a member of the line that does not come is passed over.
        brake: seconds for which nobody is to go.
        version: of the lessons that it knows; 0: it knows none.
        teaches: the following are to replace those of that version.
        slots: calls that may be in a window.
        alone: if > 0, only one call that was granted after that time may be under way.
        total: calls that count as answered; below 0: leave it.
        lessons: what was learnt.
    """

    member: str
    wants: int
    mark: str
    number: int
    fresh: str
    counted: list[tuple[float, float]]
    dropped: list[float]
    alive: list[float]
    unknown: list[float]
    lull: float
    hold: float
    poll: float
    grace: float
    brake: float
    version: int
    teaches: bool
    slots: int
    alone: float
    total: int
    lessons: str


READ_ONLY = Visit("", 0, "", 0, "", [], [], [], [], 0.0, 0.0, 0.0, 0.0, 0.0, 0, False, 0, 0.0, -1, "")
"""The visit of one who only reads: it makes no state and changes none."""


class Turn(msgspec.Struct, array_like=True, frozen=True):
    """The answer to a visitor.

    Attributes:
        now: the storage's clock, in seconds.
        mark: of the state; "" if there is none.
        number: of this visit.
        lost: the state that the visitor knew was lost.
        grants: permits.
        wait: seconds after which to come again, if somebody still waits.
        brake: seconds for which nobody goes.
        calls: slots in use.
        room: slots there are.
        first: seconds until the first slot of an answered call is free; below 0: there is none.
        waiting: callers in line, of all members.
        total: calls answered.
        version: of the lessons.
        lessons: what was learnt, if the visitor did not know that version; else "".
    """

    now: float
    mark: str
    number: int
    lost: bool
    grants: list[float]
    wait: float
    brake: float
    calls: int
    room: int
    first: float
    waiting: int
    total: int
    version: int
    lessons: str


class UsedSlot(msgspec.Struct, array_like=True):
    """A slot in use."""

    permit: float
    until: float
    out: bool


class Waiting(msgspec.Struct, array_like=True):
    """A member of the line: how many it wants, when it is passed over, and how many it was given while it stood there.

    One that joins begins with the least that any was given.
    """

    member: str
    wants: int
    until: float
    served: int


def visited(state: SharedWindow | None, now: float, visit: Visit) -> tuple[SharedWindow | None, Turn]:
    """The state after a visit; one is made where there is none, unless the visitor only reads."""
    if state is None and visit.fresh:
        brake = now + visit.lull if visit.mark else 0.0
        state = SharedWindow(visit.fresh, brake=brake, slots=visit.slots, version=1, lessons=visit.lessons)
    if state is None:
        return None, Turn(now, "", 0, False, [], visit.poll, 0.0, 0, 0, -1.0, 0, 0, 0, "")
    return state, state.visit(now, visit)


class SharedWindow(msgspec.Struct, array_like=True):
    """The state of one account and purpose."""

    mark: str
    number: int = 0
    brake: float = 0.0
    gather: float = 0.0
    last: float = 0.0
    total: int = 0
    slots: int = 1
    alone: float = 0.0
    version: int = 0
    lessons: str = ""
    calls: list[UsedSlot] = []
    line: list[Waiting] = []

    def visit(self, now: float, visit: Visit) -> Turn:
        """Take in a visit at this time of the storage's clock."""
        older = visit.mark == self.mark and visit.number > self.number
        lost = older or visit.mark not in ("", self.mark)
        if older or now < self.last - 1:  # an older state came back, or the clock went back
            self.mark, self.number, self.calls, self.line = visit.fresh, visit.number, [], []
            self.last, self.gather, self.brake = now, 0.0, now + visit.lull
        self.number += 1
        self._take_in(now, visit)
        self._teach(visit)
        self._line_up(now, visit.member, 0 if lost else visit.wants)
        grants, wait = self._turn(now, visit)
        answered = [call.until for call in self.calls if not call.out]
        return Turn(
            now=now,
            mark=self.mark,
            number=self.number,
            lost=lost,
            grants=grants,
            wait=wait,
            brake=max(0.0, self.brake - now),
            calls=len(self.calls),
            room=self._room(),
            first=min(answered) - now if answered else -1.0,
            waiting=sum(one.wants for one in self.line),
            total=self.total,
            version=self.version,
            lessons="" if visit.version == self.version else self.lessons,
        )

    def _take_in(self, now: float, visit: Visit) -> None:
        self.brake = max(self.brake, now + visit.brake)
        counted, dropped, alive = dict(visit.counted), set(visit.dropped), set(visit.alive)
        kept: list[UsedSlot] = []
        for call in self.calls:
            if call.out and call.permit in counted:
                call.until = now + counted[call.permit]
                call.out = False
                self.total += 1
            elif call.out and call.permit in alive:
                call.until = now + visit.hold
            if call.until > now and not (call.out and call.permit in dropped):
                kept.append(call)
        self.calls = kept + [UsedSlot(0.0, now + left, False) for left in visit.unknown]

    def _teach(self, visit: Visit) -> None:
        if visit.teaches and visit.version == self.version:
            self.version += 1
            self.slots, self.alone, self.lessons = visit.slots, visit.alone, visit.lessons
            if visit.total >= 0:
                self.total = visit.total

    def _line_up(self, now: float, member: str, wants: int) -> None:
        """Those who did not come are passed over; the visitor keeps its place, or takes the last one."""
        known = False
        line: list[Waiting] = []
        for one in self.line:
            if one.member == member:
                known = True
                one.wants = wants
            if one.wants > 0 and (one.member == member or one.until > now):
                line.append(one)
        if wants > 0 and not known:
            line.append(Waiting(member, wants, now, min((one.served for one in line), default=0)))
        self.line = line

    def _turn(self, now: float, visit: Visit) -> tuple[list[float], float]:
        """The permits of the visitor, and when it is to come again."""
        place = next((place for place, one in enumerate(self.line) if one.member == visit.member), -1)
        if place < 0:
            return [], visit.poll
        mine = self.line[place]
        grants = [self._grant(now, visit.hold) for _ in range(self._dealt(self._free(now), place))]
        mine.wants -= len(grants)
        mine.served += len(grants)
        wait = self._wait(now, place, visit)
        mine.until = now + wait + visit.grace
        if not mine.wants:
            del self.line[place]
        return grants, wait

    def _room(self) -> int:
        return min(self.slots, FIRST + GROWTH * max(0, self.total - FIRST + 1))

    def _free(self, now: float) -> int:
        free = self._room() - len(self.calls)
        if now < self.brake:
            return 0
        if self.alone > 0:
            return 0 if any(call.out and call.permit > self.alone for call in self.calls) else min(free, 1)
        if not self.calls:
            self.gather = now + GATHER
        return min(free, max(1, self._room() // 8)) if now < self.gather else free

    def _dealt(self, free: int, place: int) -> int:
        """The number of free slots that the member at that place is given."""
        given = 0
        while given < self.line[place].wants and free > given + self._ahead(place, given):
            given += 1
        return given

    def _ahead(self, place: int, given: int = 0) -> int:
        """Slots that the others are given before the member at that place has its next, after `given` of its own."""
        mine = self.line[place]
        return sum(
            min(one.wants, max(0, mine.served + given - one.served + (other < place)))
            for other, one in enumerate(self.line)
            if other != place
        )

    def _grant(self, now: float, hold: float) -> float:
        self.last = max(now, self.last + STEP)
        self.calls.append(UsedSlot(self.last, now + hold, True))
        return self.last

    def _wait(self, now: float, place: int, visit: Visit) -> float:
        """Seconds until the slot is free that the member at that place will be given."""
        if now < self.brake:
            return self.brake - now
        if now < self.gather:
            return self.gather - now
        index = max(0, len(self.calls) - self._room() + self._ahead(place))
        if self.alone > 0 or index >= len(self.calls):
            return visit.poll
        return min(visit.poll, sorted(_likely(call, now, visit.lull) for call in self.calls)[index] - now)


def _likely(call: UsedSlot, now: float, lull: float) -> float:
    """The time when its slot is free: a call under way is answered soon as a rule, and counts for a window."""
    return call.permit + lull if call.out and call.permit + lull > now else call.until

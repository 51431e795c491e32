-- The visit of a shared window, as `_policy/shared_window.py` tells it, in one statement and by the server's clock.
-- What a killed server forgets is noticed by the state's mark, so the table needs no log.
CREATE UNLOGGED TABLE IF NOT EXISTS wan_async_limit (
    name text PRIMARY KEY,
    kept_until timestamptz NOT NULL,
    mark text NOT NULL,
    number bigint NOT NULL DEFAULT 0,
    brake float8 NOT NULL DEFAULT 0,
    gather float8 NOT NULL DEFAULT 0,
    last float8 NOT NULL DEFAULT 0,
    total bigint NOT NULL DEFAULT 0,
    slots bigint NOT NULL,
    alone float8 NOT NULL DEFAULT 0,
    version bigint NOT NULL DEFAULT 1,
    lessons text NOT NULL,
    permits float8[] NOT NULL DEFAULT '{}',  -- the calls: permit, until when it holds its slot, whether it is under way
    untils float8[] NOT NULL DEFAULT '{}',
    outs boolean[] NOT NULL DEFAULT '{}',
    members text[] NOT NULL DEFAULT '{}',    -- the line: who, how many, until when it keeps its place,
    wants bigint[] NOT NULL DEFAULT '{}',
    dues float8[] NOT NULL DEFAULT '{}',
    served bigint[] NOT NULL DEFAULT '{}'    -- how many it was given there
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.05);

CREATE OR REPLACE FUNCTION wan_async_limit_visit(
    name_ text, keep float8, member text, wants bigint, mark text, number bigint, fresh text,
    counted float8[], lefts float8[], dropped float8[], alive float8[], unknown_ float8[],
    lull float8, hold float8, poll float8, grace float8, brake float8,
    version bigint, teaches boolean, slots bigint, alone float8, total bigint, lessons text,
    OUT moment float8, OUT mark_ text, OUT number_ bigint, OUT lost boolean, OUT grants float8[], OUT wait float8,
    OUT brake_ float8, OUT calls bigint, OUT room bigint, OUT first float8, OUT waiting bigint, OUT total_ bigint,
    OUT version_ bigint, OUT lessons_ text
) LANGUAGE plpgsql AS $visit$
#variable_conflict use_variable
DECLARE
    s wan_async_limit;
    older boolean;
    newly bigint;
    place int;
    free bigint;
    ahead bigint;
    given bigint := 0;
    mine bigint;
    index bigint;
BEGIN
    SELECT * INTO s FROM wan_async_limit l WHERE l.name = name_ FOR UPDATE;
    IF NOT FOUND AND fresh <> '' THEN
        DELETE FROM wan_async_limit l WHERE l.kept_until < clock_timestamp();
        INSERT INTO wan_async_limit AS l (name, kept_until, mark, brake, slots, lessons)
        VALUES (name_, clock_timestamp(), fresh,
                CASE WHEN mark <> '' THEN extract(epoch FROM clock_timestamp()) + lull ELSE 0 END, slots, lessons)
        ON CONFLICT DO NOTHING;
        SELECT * INTO s FROM wan_async_limit l WHERE l.name = name_ FOR UPDATE;
    END IF;
    moment := extract(epoch FROM clock_timestamp());
    grants := '{}';
    wait := poll;
    first := -1;
    waiting := 0;
    IF s.name IS NULL THEN
        mark_ := ''; number_ := 0; lost := false; brake_ := 0; calls := 0; room := 0; total_ := 0; version_ := 0;
        lessons_ := '';
        RETURN;
    END IF;

    older := mark = s.mark AND number > s.number;
    lost := older OR (mark <> '' AND mark <> s.mark);
    IF older OR moment < s.last - 1 THEN
        s.mark := fresh; s.number := number; s.last := moment; s.gather := 0; s.brake := moment + lull;
        s.permits := '{}'; s.untils := '{}'; s.outs := '{}'; s.members := '{}'; s.wants := '{}'; s.dues := '{}';
        s.served := '{}';
    END IF;
    s.number := s.number + 1;

    -- how calls ended
    s.brake := greatest(s.brake, moment + brake);
    SELECT count(*) FILTER (WHERE u.ended),
           coalesce(array_agg(u.permit ORDER BY u.i) FILTER (WHERE u.kept), '{}'),
           coalesce(array_agg(u.until ORDER BY u.i) FILTER (WHERE u.kept), '{}'),
           coalesce(array_agg(u.still ORDER BY u.i) FILTER (WHERE u.kept), '{}')
    INTO newly, s.permits, s.untils, s.outs
    FROM (
        SELECT v.i, v.permit, v.until, v.ended, v.still,
               v.until > moment AND NOT (v.still AND v.permit = ANY (dropped)) AS kept
        FROM (
            SELECT o.i, o.permit, o.out AND e.left_ IS NOT NULL AS ended, o.out AND e.left_ IS NULL AS still,
                   CASE WHEN o.out AND e.left_ IS NOT NULL THEN moment + e.left_
                        WHEN o.out AND o.permit = ANY (alive) THEN moment + hold ELSE o.until END AS until
            FROM unnest(s.permits, s.untils, s.outs) WITH ORDINALITY AS o (permit, until, out, i)
            LEFT JOIN unnest(counted, lefts) AS e (permit, left_) ON e.permit = o.permit
        ) AS v
    ) AS u;
    s.total := s.total + newly;
    SELECT s.permits || coalesce(array_agg(0::float8), '{}'), s.untils || coalesce(array_agg(moment + n), '{}'),
           s.outs || coalesce(array_agg(false), '{}')
    INTO s.permits, s.untils, s.outs FROM unnest(unknown_) AS n;

    -- what was learnt
    IF teaches AND version = s.version THEN
        s.version := s.version + 1; s.slots := slots; s.alone := alone; s.lessons := lessons;
        IF total >= 0 THEN
            s.total := total;
        END IF;
    END IF;

    -- the line
    IF lost THEN
        wants := 0;
    END IF;
    SELECT coalesce(array_agg(l.who ORDER BY l.i), '{}'), coalesce(array_agg(l.many ORDER BY l.i), '{}'),
           coalesce(array_agg(l.due ORDER BY l.i), '{}'), coalesce(array_agg(l.given ORDER BY l.i), '{}')
    INTO s.members, s.wants, s.dues, s.served
    FROM (
        SELECT o.i, o.who, CASE WHEN o.who = member THEN wants ELSE o.many END AS many, o.due, o.given
        FROM unnest(s.members, s.wants, s.dues, s.served) WITH ORDINALITY AS o (who, many, due, given, i)
    ) AS l
    WHERE l.many > 0 AND (l.who = member OR l.due > moment);
    place := array_position(s.members, member);
    IF place IS NULL AND wants > 0 THEN
        s.served := s.served || (SELECT coalesce(min(o.given), 0) FROM unnest(s.served) AS o (given));
        s.members := s.members || member; s.wants := s.wants || wants; s.dues := s.dues || moment;
        place := cardinality(s.members);
    END IF;

    -- the turn
    room := least(s.slots, 25 + 3 * greatest(0, s.total - 24));
    calls := cardinality(s.permits);
    IF place IS NOT NULL THEN
        free := room - calls;
        IF moment < s.brake THEN
            free := 0;
        ELSIF s.alone > 0 THEN
            free := least(free, 1);
            IF EXISTS (SELECT FROM unnest(s.permits, s.outs) AS o (permit, out) WHERE o.out AND o.permit > s.alone) THEN
                free := 0;
            END IF;
        ELSE
            IF calls = 0 THEN
                s.gather := moment + 0.1;
            END IF;
            IF moment < s.gather THEN
                free := least(free, greatest(1, room / 8));
            END IF;
        END IF;
        mine := s.wants[place];
        LOOP
            SELECT coalesce(sum(least(o.many, greatest(0, s.served[place] + given - o.given + (o.i < place)::int))), 0)
            INTO ahead FROM unnest(s.wants, s.served) WITH ORDINALITY AS o (many, given, i) WHERE o.i <> place;
            EXIT WHEN given >= mine OR free <= given + ahead;
            s.last := greatest(moment, s.last + 1e-6);
            grants := grants || s.last;
            given := given + 1;
        END LOOP;
        IF given > 0 THEN
            s.permits := s.permits || grants;
            s.untils := s.untils || array_fill(moment + hold, ARRAY[given::int]);
            s.outs := s.outs || array_fill(true, ARRAY[given::int]);
            calls := calls + given;
        END IF;
        s.wants[place] := mine - given;
        s.served[place] := s.served[place] + given;
        index := greatest(0, calls - room + ahead);
        IF moment < s.brake THEN
            wait := s.brake - moment;
        ELSIF moment < s.gather THEN
            wait := s.gather - moment;
        ELSIF s.alone <= 0 AND index < calls THEN
            SELECT least(poll, o.likely - moment) INTO wait
            FROM (
                SELECT CASE WHEN c.out AND c.permit + lull > moment THEN c.permit + lull ELSE c.until END AS likely
                FROM unnest(s.permits, s.untils, s.outs) AS c (permit, until, out)
            ) AS o
            ORDER BY o.likely OFFSET index LIMIT 1;
        END IF;
        s.dues[place] := moment + wait + grace;
        IF s.wants[place] = 0 THEN
            s.members := s.members[:place - 1] || s.members[place + 1:];
            s.wants := s.wants[:place - 1] || s.wants[place + 1:];
            s.dues := s.dues[:place - 1] || s.dues[place + 1:];
            s.served := s.served[:place - 1] || s.served[place + 1:];
        END IF;
    END IF;

    SELECT coalesce(min(o.until) - moment, -1) INTO first
    FROM unnest(s.untils, s.outs) AS o (until, out) WHERE NOT o.out;
    SELECT coalesce(sum(o.many), 0) INTO waiting FROM unnest(s.wants) AS o (many);
    UPDATE wan_async_limit AS l SET
        kept_until = clock_timestamp() + make_interval(secs => keep), mark = s.mark, number = s.number,
        brake = s.brake, gather = s.gather, last = s.last, total = s.total, slots = s.slots, alone = s.alone, version = s.version,
        lessons = s.lessons, permits = s.permits, untils = s.untils, outs = s.outs, members = s.members,
        wants = s.wants, dues = s.dues, served = s.served
    WHERE l.name = name_;
    mark_ := s.mark; number_ := s.number; brake_ := greatest(0, s.brake - moment); total_ := s.total;
    version_ := s.version;
    lessons_ := CASE WHEN version = s.version THEN '' ELSE s.lessons END;
END
$visit$;

BEGIN;
PRAGMA application_id = 1466003018;
PRAGMA user_version = 1;
CREATE TABLE item (
    id INTEGER PRIMARY KEY,
    position INTEGER NOT NULL,
    key TEXT NOT NULL UNIQUE,
    model TEXT NOT NULL,
    input TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sending', 'running', 'done', 'failed', 'unknown')),
    token TEXT,
    task_id TEXT,
    sent_at REAL,
    accepted_at REAL,
    finished_at REAL,
    record TEXT,
    error TEXT,
    path TEXT,
    credits REAL,
    reported INTEGER NOT NULL DEFAULT 0,
    run INTEGER NOT NULL REFERENCES run (id)
);
CREATE INDEX item_by_state ON item (state, id, credits);
CREATE UNIQUE INDEX item_by_token ON item (token) WHERE token IS NOT NULL;
CREATE TABLE earlier (
    item INTEGER NOT NULL REFERENCES item (id),
    state TEXT NOT NULL,
    token TEXT,
    task_id TEXT,
    sent_at REAL,
    accepted_at REAL,
    finished_at REAL,
    record TEXT,
    error TEXT,
    path TEXT,
    credits REAL
);
CREATE TABLE run (
    id INTEGER PRIMARY KEY,
    opened_at REAL NOT NULL,
    host TEXT NOT NULL,
    pid INTEGER NOT NULL
);
COMMIT;
PRAGMA journal_mode = WAL;
INSERT INTO run VALUES (1, 1790000000.0, 'host', 1);
INSERT INTO item VALUES
    (1, 0, 'done', 'wan/2-2-a14b-text-to-video-turbo', '{"prompt":"a fox in the rain"}', 'done', NULL, 't-done', 1790000001.0, 1790000002.0, 1790000003.0,
        '{"task_id":"t-done","state":"success","urls":["http://127.0.0.1/clip.mp4"],"credits":60.0}', NULL, NULL, 60.0, 1, 1),
    (2, 1, 'running', 'wan/2-2-a14b-text-to-video-turbo', '{"prompt":"a fox in the rain"}', 'running', NULL, 't-running', 1790000001.0, 1790000002.0, NULL,
        NULL, NULL, NULL, 80.0, 0, 1),
    (3, 2, 'air', 'wan/2-2-a14b-text-to-video-turbo', '{"prompt":"a fox in the rain"}', 'sending', 'token', NULL, 1790000001.0, NULL, NULL, NULL, NULL, NULL, 80.0, 0, 1),
    (4, 3, 'again', 'wan/2-2-a14b-text-to-video-turbo', '{"prompt":"a fox in the rain"}', 'queued', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1),
    (5, 4, 'queued', 'wan/2-2-a14b-text-to-video-turbo', '{"prompt":"a fox in the rain"}', 'queued', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0, 1);
INSERT INTO earlier (item, state, sent_at, credits) VALUES (4, 'unknown', 1790000001.0, 80.0);
INSERT INTO earlier (item, state, sent_at, credits) VALUES (4, 'unknown', 1790000002.0, 80.0);

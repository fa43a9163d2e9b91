"""Batches of requests as the front sends them: size, time, second tries, bounds."""

import concurrent.futures

import pytest

from support.front import SILENT, Reply
from support.proc import wait_for

OP = "stats.record_requests"


@pytest.fixture
def rows(make_bench):
    b = make_bench({"ratelimit.enabled": "false"})
    b.broker.on("directory.show_doctor", Reply({"doctor_id": 1}))
    b.broker.on(OP, Reply(None))
    b.front.wait_ready()
    b.broker.workers["stats"] = 1
    return b


def ask(front, first, n):
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        for status in pool.map(lambda i: front.get(f"/patient/doctors/{i}").status_code, range(first, first + n)):
            assert status == 200


def batches(b):
    return [j for j in b.broker.jobs if j.op == OP]


def urls(b):
    """Of each batch once, however often it was sent."""
    seen = {j.head["id"]: j.args["body"]["url"] for j in batches(b)}
    return [u for list_ in seen.values() for u in list_]


def metric(front, name):
    return int(next(s for s in front.get("/metrics").text.splitlines() if s.startswith(name + " ")).split()[1])


def test_a_batch_has_500_rows_at_most_and_columns_of_one_length(rows):
    ask(rows.front, 1, 1100)
    wait_for("all rows", lambda: len(urls(rows)) == 1100, 15)
    sizes = [len(j.args["body"]["url"]) for j in batches(rows)]
    assert max(sizes) <= 500 and len(set(urls(rows))) == 1100
    for j in batches(rows):
        body = j.args["body"]
        assert sorted(body) == ["agent", "at", "code", "ip", "method", "ms", "status", "url", "user"]
        assert {len(column) for column in body.values()} == {len(body["url"])}
        assert j.service == "stats" and j.head["priority"] == 2 and j.head["actor"]["user"] == 0
    wait_for("the metric", lambda: metric(rows.front, "guahao_front_rows_total") == 1100, 5)


def test_a_batch_without_an_answer_is_sent_again_under_its_id(rows):
    answers = iter([SILENT])
    rows.broker.on(OP, lambda job: next(answers, None) or Reply(None))
    ask(rows.front, 1, 3)
    rows.broker.wait_job(OP, 2, 30)
    first, second = batches(rows)[:2]
    assert first.head["id"] == second.head["id"] and first.args == second.args
    assert not first.head.get("resend") and second.head["resend"] is True


def test_nothing_is_sent_while_no_worker_is_there(rows):
    rows.broker.workers["stats"] = 0
    wait_for("the front to know", lambda: "guahao_worker_up{pool=\"stats\",broker=\"0\"} 0" in rows.front.get("/metrics").text, 10)
    ask(rows.front, 1, 5)
    ask(rows.front, 10, 1)
    rows.broker.workers["stats"] = 1
    wait_for("the rows", lambda: len(urls(rows)) == 6, 15)


def test_what_is_refused_again_and_again_is_lost_and_counted(rows):
    rows.broker.on(OP, Reply(error="INTERNAL"))
    ask(rows.front, 1, 4)
    wait_for("the loss", lambda: metric(rows.front, "guahao_front_rows_lost_total") == 4, 20)
    assert len(batches(rows)) == 3 and len({j.head["id"] for j in batches(rows)}) == 1
    rows.broker.on(OP, Reply(None))
    ask(rows.front, 100, 2)
    wait_for("later rows", lambda: metric(rows.front, "guahao_front_rows_total") == 2, 15)


def test_the_line_is_bounded(rows):
    """Sixteen batches wait, one is gathered; the rest is counted as lost, and requests go on."""
    rows.broker.workers["stats"] = 0
    wait_for("the front to know", lambda: "guahao_worker_up{pool=\"stats\",broker=\"0\"} 0" in rows.front.get("/metrics").text, 10)
    for i in range(10):
        ask(rows.front, 1 + i * 1000, 1000)
    wait_for("the loss", lambda: metric(rows.front, "guahao_front_rows_lost_total") > 0, 15)
    rows.broker.workers["stats"] = 1
    wait_for("the end", lambda: len(urls(rows)) + metric(rows.front, "guahao_front_rows_lost_total") == 10000, 30)
    assert len({j.head["id"] for j in batches(rows)}) in (16, 17)

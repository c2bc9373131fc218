"""Send statements to Learnlake with tincan, the xAPI client for Python, and ask for them again.

    python examples/send_with_tincan.py --endpoint http://127.0.0.1:8080/xapi --key KEY --secret SECRET

A key and its secret come from `learnlake lrs credential create --name my-lms --tenant default`.
"""

from __future__ import annotations

import argparse
import datetime as dt

from tincan import (
    Activity,
    ActivityDefinition,
    Agent,
    AgentAccount,
    Context,
    ContextActivities,
    LanguageMap,
    RemoteLRS,
    Result,
    Score,
    Statement,
    Verb,
)

HOME_PAGE = "https://my-lms.example"
"""Your system's address. It names whose ids the account names below are."""

LEARNER = Agent(account=AgentAccount(home_page=HOME_PAGE, name="s-1001"))
COURSE = Activity(
    id=f"{HOME_PAGE}/courses/algebra",
    definition=ActivityDefinition(
        type="http://adlnet.gov/expapi/activities/course", name=LanguageMap(en="Algebra")
    ),
)
QUIZ = Activity(
    id=f"{HOME_PAGE}/quizzes/7",
    definition=ActivityDefinition(
        type="http://adlnet.gov/expapi/activities/assessment", name=LanguageMap(en="Quiz 7")
    ),
)


def answered(question: int, *, is_correct: bool) -> Statement:
    """The learner answers a question of the quiz: what mastery is estimated from."""
    return Statement(
        actor=LEARNER,
        verb=Verb(id="http://adlnet.gov/expapi/verbs/answered", display=LanguageMap(en="answered")),
        object=Activity(
            id=f"{HOME_PAGE}/questions/{question}",
            definition=ActivityDefinition(
                type="http://adlnet.gov/expapi/activities/cmi.interaction",
                name=LanguageMap(en=f"Question {question}"),
            ),
        ),
        result=Result(success=is_correct, response="42", duration=dt.timedelta(seconds=31)),
        context=Context(
            context_activities=ContextActivities(grouping=[COURSE], parent=[QUIZ]),
            extensions={"https://w3id.org/learnlake/xapi/extensions/skills": ["linear-equations"]},
        ),
        timestamp=dt.datetime.now(dt.UTC),
    )


def submitted(scaled: float) -> Statement:
    """The learner hands the quiz in."""
    return Statement(
        actor=LEARNER,
        verb=Verb(id="http://adlnet.gov/expapi/verbs/completed", display=LanguageMap(en="completed")),
        object=QUIZ,
        result=Result(score=Score(scaled=scaled), completion=True),
        context=Context(context_activities=ContextActivities(grouping=[COURSE])),
        timestamp=dt.datetime.now(dt.UTC),
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--endpoint", required=True, help="xAPI endpoint, such as http://127.0.0.1:8080/xapi")
    parser.add_argument("--key", required=True)
    parser.add_argument("--secret", required=True)
    options = parser.parse_args()
    lrs = RemoteLRS(
        endpoint=options.endpoint.rstrip("/") + "/",
        version="1.0.3",
        username=options.key,
        password=options.secret,
    )

    sent = lrs.save_statements([answered(1, is_correct=True), answered(2, is_correct=False), submitted(0.5)])
    if not sent.success:
        raise SystemExit(f"The LRS refused: {sent.response.status} {sent.data}")
    print(f"stored {len(sent.content)} statements: {', '.join(str(s.id) for s in sent.content)}")

    found = lrs.query_statements(
        {"agent": LEARNER, "verb": Verb(id="http://adlnet.gov/expapi/verbs/answered")}
    )
    if not found.success:
        raise SystemExit(f"The LRS refused the query: {found.response.status} {found.data}")
    print(f"the learner has answered {len(found.content.statements)} times:")
    for statement in found.content.statements:
        print(
            f"  {statement.object.definition.name['en']}: {'right' if statement.result.success else 'wrong'}"
        )


if __name__ == "__main__":
    main()

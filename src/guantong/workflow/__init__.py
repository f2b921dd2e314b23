"""流程: BPMN 2.0 flows and DMN rules behind one small interface.

A diagram is data that somebody uploads, so nothing in it is ever run as code: expressions are read into a
syntax tree, held against an allow-list, and interpreted by :mod:`guantong.workflow.expressions`; neither
``eval`` nor ``exec`` is reached. Whatever lies outside the subset below is refused when it is published, with
a code and a sentence in both languages.

Accepted BPMN (namespace ``http://www.omg.org/spec/BPMN/20100524/MODEL``):

* one executable ``process`` with one plain ``startEvent`` and one or more plain ``endEvent``;
* ``serviceTask`` with exactly one ``gt:lookup``; ``businessRuleTask`` with exactly one ``gt:rule``;
* ``userTask`` with exactly one ``gt:decision``, in flows that people decide; such flows look nothing up;
* ``exclusiveGateway`` (every way out but the default has a condition) and ``parallelGateway``;
* ``sequenceFlow`` with an optional ``conditionExpression``; ``documentation``; the diagram interchange part.

Flows may branch and join but not turn back, have at most 200 elements and 256 ways from start to end.
Refused: script, send, receive and call activities, subprocesses, timers, messages, signals, errors,
boundary events, loops, multiple instances, data objects and anyone else's extension elements. Working-day
deadlines are the platform's own business, not a timer's.

Our extension elements (namespace ``https://guantong.example/bpmn``, prefix ``gt``):

* in the process: ``gt:fact name type`` (``boolean integer text date``) declares a name that conditions and
  rules may use; ``gt:input name type label label-en required role from`` declares a field of the form
  (``from``: the resident ID that a date of birth follows from, so that nobody is asked for it);
* in a service task: ``gt:lookup resource mode result`` with ``gt:key item input`` (which form field is the
  key), ``gt:claim item input`` (what a *verify* asks to be confirmed), ``gt:field item`` (what a *query*
  wants); ``result`` names the mapping that turns the answer into facts;
* in a user task: ``gt:decision role days``: whose decision it is, and their working days;
* in a business rule task: ``gt:rule decision``, the id of a decision in one of the DMN texts;
* in any node or flow: ``gt:english name``, its name for readers of English;
* in an end event: ``gt:outcome name reason``; without ``reason`` the fact ``reason`` gives it.

Accepted DMN (1.1 to 1.3): one ``decision`` with one ``decisionTable`` per text, hit policy FIRST, whose
inputs are declared facts, whose outputs are declared facts set to constants, and whose last rule catches
whatever the rules before it did not.

Expressions: facts, constants, ``== != < <= > >=``, ``in`` and ``not in`` over lists of constants, ``and``,
``or``, ``not``. A fact that nobody has established yet equals ``null`` and is neither above nor below
anything.
"""

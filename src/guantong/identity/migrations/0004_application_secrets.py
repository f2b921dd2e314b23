import uuid

from django.db import migrations, models


def draw_rids(apps, _schema_editor):
    """Applications from before get an identifier like new ones."""
    for each in apps.get_model("identity", "Application").objects.select_related("organisation"):
        each.rid = f"{uuid.uuid4()}@{each.organisation.division[:6]}"
        each.save(update_fields=["rid"])


class Migration(migrations.Migration):
    dependencies = [
        ("identity", "0003_calendar"),
    ]

    operations = [
        migrations.AddField(
            model_name="application",
            name="rid",
            field=models.CharField(blank=True, max_length=100, verbose_name="请求者标识"),
        ),
        migrations.AddField(
            model_name="application",
            name="secret",
            field=models.CharField(blank=True, max_length=80, verbose_name="密钥摘要"),
        ),
        migrations.AddField(
            model_name="application",
            name="secret_issued_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="application",
            name="secret_issued_by",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.RunPython(draw_rids, migrations.RunPython.noop),
        migrations.AddConstraint(
            model_name="application",
            constraint=models.UniqueConstraint(
                condition=models.Q(("rid", ""), _negated=True),
                fields=("rid",),
                name="application_rid_is_its_own",
            ),
        ),
    ]

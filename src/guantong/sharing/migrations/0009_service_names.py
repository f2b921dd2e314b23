import re

from django.db import migrations, models


def name_grants(apps, _schema_editor):
    """Grants from before are called after their resources, as new ones are."""
    for grant in apps.get_model("sharing", "Grant").objects.only("pk", "resource"):
        grant.sids = [("s_" + re.sub("[^A-Za-z0-9]+", "_", grant.resource))[:80]]
        grant.save(update_fields=["sids"])


class Migration(migrations.Migration):
    dependencies = [
        ("sharing", "0008_waiting"),
    ]

    operations = [
        migrations.AddField(
            model_name="grant",
            name="sids",
            field=models.JSONField(default=list, verbose_name="服务标识"),
        ),
        migrations.RunPython(name_grants, migrations.RunPython.noop),
    ]

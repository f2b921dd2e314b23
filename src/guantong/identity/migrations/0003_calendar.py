"""The calendar's state comes here; its table is renamed, with its rows, by dispatch.0004."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("identity", "0002_sign_in")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name="CalendarDay",
                    fields=[
                        (
                            "id",
                            models.BigAutoField(
                                auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                            ),
                        ),
                        ("day", models.DateField(unique=True, verbose_name="日期")),
                        ("is_workday", models.BooleanField(verbose_name="工作日")),
                        ("name", models.CharField(blank=True, max_length=80, verbose_name="说明")),
                        ("noted_at", models.DateTimeField()),
                        ("noted_by", models.CharField(max_length=120)),
                    ],
                    options={"verbose_name": "日历", "ordering": ["day"]},
                )
            ],
            database_operations=[],
        )
    ]

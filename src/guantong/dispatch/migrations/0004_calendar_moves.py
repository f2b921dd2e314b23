"""The calendar is identity's from here on: the same table with its rows, under identity's name."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("dispatch", "0003_halves"), ("identity", "0003_calendar")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[migrations.AlterModelTable("CalendarDay", "identity_calendarday")],
            state_operations=[migrations.DeleteModel("CalendarDay")],
        )
    ]

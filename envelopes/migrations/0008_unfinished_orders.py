from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('fukan', '0007_asked_in')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Mail',
            name='draft_number',
            field=fields.CharField(null=True, max_length=20),
        ),
        ops.AddIndex(
            model_name='Mail',
            index=Index(fields=['sender_look_up', 'status']),
        ),
    ]

from tortoise import migrations
from tortoise.migrations import operations as ops
from tortoise import fields

class Migration(migrations.Migration):
    dependencies = [('fukan', '0013_reply_codes')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Signer',
            name='remind_on',
            field=fields.DateField(null=True),
        ),
    ]

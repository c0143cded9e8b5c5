from tortoise import migrations
from tortoise.migrations import operations as ops
from envelopes.records.fields import Utc
from tortoise import fields
from tortoise.indexes import Index

class Migration(migrations.Migration):
    dependencies = [('fukan', '0005_certificate_uses')]

    initial = False

    operations = [
        ops.AddField(
            model_name='Document',
            name='stands_until',
            field=Utc(null=True, unique=False, auto_now=False, auto_now_add=False),
        ),
        ops.AddField(
            model_name='Document',
            name='algorithms',
            field=fields.CharField(db_default='', unique=False, max_length=100),
        ),
        ops.AddIndex(
            model_name='Document',
            index=Index(fields=['stands_until']),
        ),
    ]
